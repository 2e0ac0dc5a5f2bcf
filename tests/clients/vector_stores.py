"""Files and vector stores with the official Python client; prints what came back as JSON."""

import json
import sys

from openai import BadRequestError, NotFoundError, OpenAI

client = OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="demo-key", max_retries=0)
facts = {}

store = client.vector_stores.create(
    name="animals", expires_after={"anchor": "last_active_at", "days": 7}
)
facts["lifetime"] = store.expires_at - store.created_at
fox = client.vector_stores.files.upload_and_poll(
    vector_store_id=store.id,
    file=("fox.txt", b"The quick brown fox jumps."),
    attributes={"legs": 4},
    poll_interval_ms=50,
)
facts["file"] = [fox.status, fox.attributes, fox.usage_bytes > 0]
with open(sys.argv[2], "rb") as pdf:
    batch = client.vector_stores.file_batches.upload_and_poll(
        vector_store_id=store.id,
        files=[pdf, ("ant.html", b"<h1>Ants</h1><p>An ant is small.</p>")],
        poll_interval_ms=50,
    )
facts["batch"] = [batch.status, batch.file_counts.completed, batch.file_counts.total]
facts["files"] = sorted(
    client.files.retrieve(file.id).filename
    for file in client.vector_stores.files.list(vector_store_id=store.id)
)


def search(query, **more):
    page = client.vector_stores.search(vector_store_id=store.id, query=query, **more)
    return [[hit.filename, hit.content[0].text] for hit in page]


facts["best"] = [search(query)[0] for query in ("blue whale", "small ants")]
legs = {"type": "and", "filters": [{"type": "eq", "key": "legs", "value": 4}]}
facts["filtered"] = [hit[0] for hit in search("whale", filters=legs)]
facts["threshold"] = len(search("fox", ranking_options={"score_threshold": 0.999}))
facts["content"] = [
    part.text
    for part in client.vector_stores.files.content(fox.id, vector_store_id=store.id)
]
try:
    search("x", filters={"type": "like", "key": "a", "value": 1})
except BadRequestError as error:
    facts["refused"] = "filter" in error.message
client.vector_stores.files.delete(fox.id, vector_store_id=store.id)
facts["left"] = client.vector_stores.retrieve(store.id).file_counts.total
client.vector_stores.delete(store.id)
try:
    client.vector_stores.retrieve(store.id)
except NotFoundError as error:
    facts["gone"] = error.code
print(json.dumps(facts))
