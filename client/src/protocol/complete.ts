/** The wire contract with the codec of landmark packets: what the package calls `@gioconda/client/protocol`. */
export * from './index.ts';
export * from './landmark-packet.ts';
