export * from './errors.ts';
export * from './landmarks.ts';
export * from './media-parameters.ts';
export * from './signalling.ts';
export * from './landmark-packet.ts';
export * from './rest.ts';
