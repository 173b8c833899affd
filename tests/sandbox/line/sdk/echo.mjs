// A bot written with LINE's own SDK for Node. Where LINE is, and the channel's secret and token, come from the environment.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { messagingApi, validateSignature } from "@line/bot-sdk";

const { LINE_API: baseURL, LINE_TOKEN: channelAccessToken, LINE_SECRET: secret } = process.env;
const api = new messagingApi.MessagingApiClient({ channelAccessToken, baseURL });
const blob = new messagingApi.MessagingApiBlobClient({ channelAccessToken, baseURL });

const reply = (event, text) =>
  api.replyMessage({ replyToken: event.replyToken, messages: [{ type: "text", text }] });

async function digest(stream) {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
}

async function handle(event) {
  switch (event.type) {
    case "message":
      if (event.message.type === "text") return reply(event, event.message.text);
      if (event.message.type === "image") return reply(event, await digest(await blob.getMessageContent(event.message.id)));
      return;
    case "postback":
      return reply(event, `chose ${event.postback.data}`);
    case "follow":
      return reply(event, `Welcome, ${(await api.getProfile(event.source.userId)).displayName}`);
    case "join":
      return reply(event, `Hello, ${(await api.getGroupSummary(event.source.groupId)).groupName}`);
  }
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  if (!validateSignature(body, secret, request.headers["x-line-signature"])) {
    response.writeHead(400).end();
    return;
  }
  for (const event of JSON.parse(body).events) await handle(event);
  response.writeHead(200).end();
});

server.listen(0, "127.0.0.1", async () => {
  await api.setWebhookEndpoint({ endpoint: `http://127.0.0.1:${server.address().port}/callback` });
  console.log("ready");
});
