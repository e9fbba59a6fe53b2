"""What happens to orders while a service is gone?"""
