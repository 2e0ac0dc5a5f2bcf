"""Drives one mock upstream with the official Python client and LangChain; prints JSON facts."""

import json
import sys

import openai
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

base_url = sys.argv[1] + "/v1"
client = openai.OpenAI(api_key="demo-key", base_url=base_url, max_retries=0)
user = [{"role": "user", "content": "Hi from Python"}]
facts = {}


class Place(BaseModel):
    city: str
    days: int


def chat():
    answer = client.chat.completions.create(model="mock-small", messages=user)
    return [answer.choices[0].message.content, answer.usage.total_tokens]


def chat_stream():
    stream = client.chat.completions.create(
        model="mock-small", messages=user, stream=True, stream_options={"include_usage": True}
    )
    text, finish, usage = "", None, None
    for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        usage = chunk.usage or usage
    return [text, finish, usage.total_tokens]


def structured():
    answer = client.chat.completions.parse(
        model="mock-small", messages=user, response_format=Place
    )
    return answer.choices[0].message.parsed.model_dump()


def responses():
    whole = client.responses.create(model="mock-small", input="Hi from Python").output_text
    text = ""
    with client.responses.stream(model="mock-small", input="Hi from Python") as stream:
        for event in stream:
            if event.type == "response.output_text.delta":
                text += event.delta
        final = stream.get_final_response().output_text
    return [whole, text, final]


def embeddings():
    answer = client.embeddings.create(model="mock-small", input=["a", "b"], dimensions=16)
    return [len(item.embedding) for item in answer.data]


def legacy():
    return client.completions.create(model="mock-small", prompt="a", max_tokens=3).choices[0].finish_reason


def models():
    return [model.id for model in client.models.list()]


def moderations():
    return client.moderations.create(input="mock-flag").results[0].flagged


def files():
    stored = client.files.create(file=("a.bin", b"\x00\x01\x02"), purpose="user_data")
    heard = client.audio.transcriptions.create(file=("a.wav", b"\x00\x01\x02"), model="mock-small")
    return [stored.bytes, heard.text.split(",")[0]]


def typed_errors():
    found = []
    for call in (
        lambda: client.chat.completions.create(model="unknown", messages=user),
        lambda: client.chat.completions.create(model="mock-small", messages=[]),
        lambda: client.chat.completions.create(
            model="mock-small", messages=user, extra_headers={"x-mock-script": "limited"}
        ),
    ):
        try:
            call()
        except openai.APIStatusError as error:
            found.append([type(error).__name__, error.code, error.param])
    return found


def broken_stream():
    stream = client.chat.completions.create(
        model="mock-small", messages=user, stream=True, extra_headers={"x-mock-script": "broken"}
    )
    events = 0
    try:
        for _ in stream:
            events += 1
            client.models.list(extra_query={"seen": "1"})
    except Exception as error:
        return [events, type(error).__module__.split(".")[0]]
    return [events, "no error"]


@tool
def get_weather(city: str, days: int) -> str:
    """Tells the weather of a city."""
    return f"{days} sunny days in {city}"


def langchain_chat():
    model = ChatOpenAI(model="mock-small", api_key="demo-key", base_url=base_url, max_retries=0)
    whole = model.invoke("Hi from LangChain").content
    text = "".join(chunk.content for chunk in model.stream("Hi from LangChain"))
    return [whole, text]


def langchain_tools():
    model = ChatOpenAI(model="mock-small", api_key="demo-key", base_url=base_url, max_retries=0)
    answer = model.bind_tools([get_weather]).invoke("Weather?")
    streamed = None
    for chunk in model.bind_tools([get_weather]).stream("Weather?"):
        streamed = chunk if streamed is None else streamed + chunk
    return [answer.tool_calls[0]["name"], sorted(answer.tool_calls[0]["args"]), sorted(streamed.tool_calls[0]["args"])]


def langchain_structured():
    model = ChatOpenAI(model="mock-small", api_key="demo-key", base_url=base_url, max_retries=0)
    return model.with_structured_output(Place).invoke("Where?").model_dump()


def langchain_embeddings():
    model = OpenAIEmbeddings(
        model="mock-small", api_key="demo-key", base_url=base_url, dimensions=16,
        check_embedding_ctx_length=False,
    )
    return [len(vector) for vector in model.embed_documents(["a", "b"])]


for fact in (
    chat, chat_stream, structured, responses, embeddings, legacy, models, moderations, files,
    typed_errors, broken_stream, langchain_chat, langchain_tools, langchain_structured,
    langchain_embeddings,
):
    facts[fact.__name__] = fact()
print(json.dumps(facts))
