// The program under test: asks a model, and again when it is told to wait.
const base = process.env.OPENAI_BASE_URL ?? "https://api.openai.com/v1";

export async function ask(question) {
  for (let tries = 0; tries < 3; tries++) {
    const response = await fetch(`${base}/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${process.env.OPENAI_API_KEY ?? "test"}`,
      },
      body: JSON.stringify({
        model: "gpt-4o-mini",
        messages: [{ role: "user", content: question }],
      }),
    });
    const body = await response.json();
    if (response.ok) return body.choices[0].message.content;
    if (response.status !== 429) throw new Error(body.error.message);
    const seconds = Number(response.headers.get("retry-after") ?? 1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
  throw new Error("The model was busy three times");
}
