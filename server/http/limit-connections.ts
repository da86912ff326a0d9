/** Bounds the TCP connections of one address. Behind a proxy all of them come from there: that is the proxy's to limit. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Shares } from '../limits/Shares.ts';
import { addressKey, trustOf } from './client-address.ts';

export interface HttpConnectionsOptions {
  most: number;
  trustedProxies: readonly string[];
  onLimit: () => void;
}

/** Counts `server`'s connections from now on; those above the limit are closed before anything is read. */
export function limitConnections(server: Server, { most, trustedProxies, onLimit }: HttpConnectionsOptions): void {
  const held = new Shares();
  const trusted = trustOf(trustedProxies);
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || trusted(remoteAddress, 0)) return;
    const address = addressKey(remoteAddress);
    if (!held.fits(address, 1, most)) {
      onLimit();
      socket.destroy();
      return;
    }
    held.add(address, 1);
    socket.once('close', () => held.remove(address, 1));
  });
}
