"""Keep the images of jobs that expired or were given up, so that they can be run again.

Protects from: images that are lost because a model, a worker or a setting was at fault, not the image.
Costs: Redis memory for up to 10,000 images, for DEAD_LETTER_LIFETIME (a day).
Instead: clients keep their images and post them again when a job has failed or expired.
Remove: delete this folder and the lines that end with "# optional: dead_letters".
"""
