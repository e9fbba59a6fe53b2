"""What happens where producer and consumer have different versions of the state?"""
