"""Responses and conversations with the official Python client; prints what came back as JSON."""

import json
import sys

from openai import BadRequestError, NotFoundError, OpenAI, PermissionDeniedError

base = f"{sys.argv[1]}/v1"
client = OpenAI(base_url=base, api_key="demo-key", max_retries=0)
facts = {}

made = client.responses.create(model="m", input="Hello", metadata={"k": "v"})
facts["made"] = [made.status, made.output_text != "", made.usage.total_tokens > 0]
read = client.responses.retrieve(made.id)
facts["read"] = [read.output == made.output, read.metadata, read.conversation.id[:5]]
facts["items"] = [item.content[0].text for item in client.responses.input_items.list(made.id)]

with client.responses.stream(model="m", input="Hello") as stream:
    types = [event.type for event in stream]
    final = stream.get_final_response()
facts["stream"] = [types[0], types[-1], final.status]
facts["numbered"] = [
    event.sequence_number
    for event in client.responses.create(model="m", input="Hi", stream=True)
][:4]

tool = {
    "type": "function",
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
called = client.responses.create(model="m", input="Weather?", tools=[tool])
call = called.output[0]
facts["call"] = [call.type, call.name, sorted(json.loads(call.arguments))]
answered = client.responses.create(
    model="m",
    previous_response_id=called.id,
    input=[{"type": "function_call_output", "call_id": call.call_id, "output": "cold"}],
    tools=[tool],
)
facts["answered"] = [answered.output[-1].type, answered.previous_response_id == called.id]

schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
shaped = client.responses.create(
    model="m",
    input="A number",
    text={"format": {"type": "json_schema", "name": "n", "schema": schema}},
)
facts["schema"] = list(json.loads(shaped.output_text))
short = client.responses.create(model="m", input="Hello", max_output_tokens=2)
facts["short"] = [short.status, short.incomplete_details.reason]

conversation = client.conversations.create(metadata={"topic": "t"})
client.responses.create(model="m", input="Hello", conversation=conversation.id)
facts["conversation"] = [
    item.role for item in client.conversations.items.list(conversation.id, order="asc")
]

queued = client.responses.create(model="m", input="Hello", background=True)
events = [event.type for event in client.responses.retrieve(queued.id, stream=True)]
facts["background"] = [queued.status, events[-1], client.responses.retrieve(queued.id).status]


def refused(kind, action):
    try:
        action()
    except kind as error:
        return error.code
    return None


client.responses.delete(made.id)
unknown = {"model": "m", "input": "x", "previous_response_id": made.id}
stranger = OpenAI(base_url=base, api_key="nobody", max_retries=0)
facts["refused"] = [
    refused(NotFoundError, lambda: client.responses.retrieve(made.id)),
    refused(BadRequestError, lambda: client.responses.create(**unknown)),
    refused(BadRequestError, lambda: client.responses.cancel(called.id)),
    refused(PermissionDeniedError, lambda: stranger.responses.create(model="m", input="x")),
]
print(json.dumps(facts))
