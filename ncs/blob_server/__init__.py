"""A local stand-in for Luxonis's online blobconverter, which is gone: the same requests, answered on this machine.

command.py has the options, app.py the routes, request.py what a request asks for, and compile.py does the work.
"""
