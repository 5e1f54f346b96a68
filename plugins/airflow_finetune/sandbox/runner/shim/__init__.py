"""The process between the server and one program, so that nothing outlives the server: standard library only.

The server holds the other end of standard input. Its first line is the order (JSON); then ``term`` asks the program to
end, and ``kill`` or the end of the pipe ends the program and everything that it ever started. A program runs below this
process; in the modes ``mount`` and ``userns`` it finds its own folder at ``/opt/ml``, in a process namespace of its own
whose init is a fork of this one. What became of it stands in the state file.

The folder is run by its path (``python -I -S .../shim``): nothing of the server's environment or site-packages, 12 MB.
"""
