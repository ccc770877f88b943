"""gunicorn's configuration. At a stop, an idle connection has more time, which a busy machine may need."""

import runpy

from web_single.workers import stopping

stopping.LINGER = 8.0
globals().update(runpy.run_path("web_single/gunicorn.conf.py"))
