/** Where a request comes from, for limits per address. */
import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import proxyAddr from '@fastify/proxy-addr';

export type AddressOf = (request: IncomingMessage) => string;

/** `X-Forwarded-For` is believed from the configured proxies only, as Fastify does for `request.ip`. */
export function addressReader(trustedProxies: readonly string[]): AddressOf {
  const trust = trustOf(trustedProxies);
  return (request) => addressKey(proxyAddr(request, trust));
}

/** Whether an address is a configured proxy's. */
export function trustOf(trustedProxies: readonly string[]): (address: string, hop: number) => boolean {
  return trustedProxies.length > 0 ? proxyAddr.compile([...trustedProxies]) : () => false;
}

/**
 * One key for all addresses that one subscriber has: an IPv4 address, or an IPv6 network of 64 bits, within which a machine may choose any
 * address it likes (RFC 4291, 2.5.1).
 */
export function addressKey(address: string | undefined): string {
  if (address === undefined) return 'unknown';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped) return mapped;
  return isIPv6(address) ? `${networkOf(address)}/64` : address;
}

function networkOf(address: string): string {
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}
