"""Accept images in forms and in JSON as well, look at their headers, and bound the memory of all uploads.

Protects from: files that are not images in the queue, uploads that stall, and 64 MiB or more of uploads in memory.
Costs: pillow and python-multipart, and the time to read each image's header.
Instead: the lesson's raw body; a reverse proxy that limits and buffers request bodies.
Remove: delete this folder and the lines that end with "# optional: uploads".
"""
