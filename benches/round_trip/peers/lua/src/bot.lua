function on_message(msg)
  if msg.text:sub(1, 4) == "ping" then
    send_text(msg.from, "pong: " .. msg.text)
  end
end
