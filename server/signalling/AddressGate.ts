/** What one address may do at the signalling endpoint before anybody has looked at a token. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../../client/src/protocol/index.ts';
import type { Config } from '../config/index.ts';
import { KeyedBuckets } from '../limits/KeyedBuckets.ts';
import { Shares } from '../limits/Shares.ts';

export interface AddressGateOptions {
  limits: Pick<Config['limits'], 'handshakesPerMinute' | 'connectionsPerAddress'>;
  addressOf: (request: IncomingMessage) => string;
  onLimit: (limit: 'handshakesPerMinute' | 'connectionsPerAddress') => void;
}

export class AddressGate {
  readonly #options: AddressGateOptions;
  readonly #handshakes: KeyedBuckets;
  readonly #connections = new Shares();

  constructor(options: AddressGateOptions) {
    this.#options = options;
    const { handshakesPerMinute } = options.limits;
    this.#handshakes = new KeyedBuckets({ capacity: handshakesPerMinute, perSecond: handshakesPerMinute / 60 });
  }

  /** engine.io's middleware: runs for each request to the endpoint. A request that is refused is answered here and goes no further. */
  readonly middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: Error) => void): void => {
    const refusal = this.#refusalOf(request);
    if (!refusal) return next();
    if (request.headers.upgrade === undefined) answerRequest(response, refusal);
    else answerUpgrade(request, refusal);
  };

  /** Counts a connection until the returned function is called. */
  enter(request: IncomingMessage): () => void {
    const address = this.#options.addressOf(request);
    this.#connections.add(address, 1);
    return () => this.#connections.remove(address, 1);
  }

  #refusalOf(request: IncomingMessage): AppError | null {
    const { addressOf, limits, onLimit } = this.#options;
    const address = addressOf(request);
    if (!this.#handshakes.take(address)) {
      onLimit('handshakesPerMinute');
      return new AppError('rate-limited', `More than ${limits.handshakesPerMinute} connection attempts a minute from one address`);
    }
    // Only an upgrade from long polling names a session, and there is none: it would exchange the socket below its guard.
    if (new URLSearchParams(request.url?.split('?')[1]).has('sid'))
      return new AppError('bad-request', 'Signalling runs over WebSocket only');
    if (this.#connections.fits(address, 1, limits.connectionsPerAddress)) return null;
    onLimit('connectionsPerAddress');
    return new AppError('too-many-connections', `One address may hold ${limits.connectionsPerAddress} connections`);
  }
}

const bodyOf = (error: AppError): string => JSON.stringify({ error: error.toWire() });

function answerRequest(response: ServerResponse, error: AppError): void {
  response.writeHead(error.status, { 'content-type': 'application/json; charset=utf-8', connection: 'close' }).end(bodyOf(error));
}

/** There is no response object for an upgrade; the socket is ours. */
function answerUpgrade({ socket }: IncomingMessage, error: AppError): void {
  const body = bodyOf(error);
  const head = [
    `HTTP/1.1 ${error.status} Refused`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}
