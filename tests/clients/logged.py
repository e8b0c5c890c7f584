"""Runs another client program with the DEBUG log of its library in a file: ``logged.py LOG PROGRAM [ARGUMENT]...``."""

from __future__ import annotations

import logging
import runpy
import sys

if __name__ == "__main__":
    log, program, *arguments = sys.argv[1:]
    form = "%(asctime)s %(name)s %(levelname)s %(message)s"
    logging.basicConfig(filename=log, encoding="utf-8", level=logging.DEBUG, format=form)
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")
