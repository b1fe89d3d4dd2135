"""A process that submits one small list after another, for a test that kills it.

python -m tests.batches.submitter_process DATA_DIR URL|-
"""

import sys
from pathlib import Path

from app.batches.store.models import BatchRequest
from tests.batches.conftest import open_service_at
from tests.batches.fake_tools import FakeTools, picture_items

if __name__ == "__main__":
    folder, url = Path(sys.argv[1]), sys.argv[2]
    tools = FakeTools(folder / "looks.log")
    with open_service_at(None if url == "-" else url, folder, tools, workers=0) as service:
        while True:
            service.submit(BatchRequest(prior=0.5), picture_items(130))
            sys.stdout.write("submitted\n")
            sys.stdout.flush()
