wrk.method = "POST" wrk.body = [[{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}]]
