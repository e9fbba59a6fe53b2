"""What happens to orders while signing keys change?"""
