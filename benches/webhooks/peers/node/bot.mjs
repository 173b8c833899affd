// An echo bot as LINE's own SDK for Node has it: `node bot.mjs API PORT`.

import { createServer } from "node:http";
import { messagingApi, validateSignature } from "@line/bot-sdk";

const [api, port] = process.argv.slice(2);
const secret = "sandbox";
const client = new messagingApi.MessagingApiClient({ channelAccessToken: "sandbox", baseURL: api });

async function handle(event) {
    if (event.type !== "message" || event.message.type !== "text") return;
    const message = { type: "text", text: event.message.text };
    await client.replyMessage({ replyToken: event.replyToken, messages: [message] });
}

createServer((request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
        const body = Buffer.concat(chunks);
        if (!validateSignature(body, secret, request.headers["x-line-signature"])) {
            response.writeHead(401).end();
            return;
        }
        response.writeHead(200).end();
        for (const event of JSON.parse(body).events) handle(event).catch((error) => console.error(error));
    });
}).listen(Number(port), "127.0.0.1");
