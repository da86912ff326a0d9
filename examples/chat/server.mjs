// The chat app's own server: who is who, messages, tokens for Gioconda, and the built page. Node's own modules suffice.
import { randomUUID } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerApi } from '@gioconda/server';

const { PORT = '8080', GIOCONDA_URL = 'http://localhost:7000', GIOCONDA_API_KEY = '' } = process.env;
const gioconda = new ServerApi({ url: GIOCONDA_URL, apiKey: GIOCONDA_API_KEY });
const dist = fileURLToPath(new URL('dist/', import.meta.url));
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };

const messages = [];
const readers = new Set();

/** Instead of a login: a random name of the person in a cookie. In your app this is the session. */
function userOf(request, response) {
  const known = /(?:^|; )user=([\w-]+)/.exec(request.headers.cookie ?? '')?.[1];
  const user = known ?? randomUUID();
  if (!known) response.setHeader('set-cookie', `user=${user}; HttpOnly; SameSite=Lax; Path=/`);
  return user;
}

async function bodyOf(request) {
  let text = '';
  for await (const piece of request) if ((text += piece).length > 10_000) throw new Error('too much');
  return JSON.parse(text);
}

const routes = {
  'GET /config': (_request, response) => response.end(JSON.stringify({ gioconda: GIOCONDA_URL })),
  'GET /gioconda-token': async (request, response) => {
    // Short: the SDK asks again before it ends.
    const userId = userOf(request, response);
    const { token } = await gioconda.createToken({ userId, scopes: ['enrol', 'join:chat'], ttlSeconds: 600 });
    response.end(token);
  },
  'POST /messages': async (request, response) => {
    const { name, text } = await bodyOf(request);
    const message = { id: randomUUID(), name: String(name).slice(0, 64), text: String(text).slice(0, 1000) };
    messages.push(message);
    if (messages.length > 100) messages.shift();
    for (const reader of readers) reader.write(`data: ${JSON.stringify(message)}\n\n`);
    response.writeHead(204).end();
  },
  'GET /messages': (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    for (const message of messages) response.write(`data: ${JSON.stringify(message)}\n\n`);
    readers.add(response);
    request.on('close', () => readers.delete(response));
  },
};

function servePage(path, response) {
  const file = join(dist, normalize(path === '/' ? 'index.html' : path));
  if (!file.startsWith(dist) || !existsSync(file)) return response.writeHead(404).end();
  return createReadStream(file).pipe(response.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' }));
}

async function answer(request, response) {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost');
  try {
    const route = routes[`${request.method} ${pathname}`];
    await (route ? route(request, response) : servePage(pathname, response));
  } catch (error) {
    console.error(error);
    if (!response.headersSent) response.writeHead(502);
    response.end();
  }
}

const server = createServer((request, response) => void answer(request, response));
server.listen(Number(PORT), () => console.log(`http://localhost:${server.address().port}`));
