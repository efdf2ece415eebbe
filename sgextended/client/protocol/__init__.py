"""
The parts of one API call: the credentials, the JSON of its request, and the validation of its response.
"""
