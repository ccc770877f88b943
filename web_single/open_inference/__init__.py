"""The Open Inference Protocol beside the pattern's own endpoints; nothing else here needs this folder."""
