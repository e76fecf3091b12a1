"""Processes that hold the model: what decodes and judges stands apart from what speaks HTTP.

::

    service (HTTP, asyncio)          holds no model, decodes nothing
      `-- template                   loads and checks one version of the model, warms it, and forks
            |-- worker               answers one question after another; killed when one takes too long
            `-- worker

A worker that is lost costs the question that it worked on, and its successor is there within milliseconds, of the same
version whatever lies in the model directory by now. Workers share the memory of the template. Where a process cannot
be forked safely (not Linux), each worker loads the model itself.

What a worker sends back is JSON and pictures, never a pickle: it is the process that hostile files are decoded in.
"""
