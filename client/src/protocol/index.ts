/** The wire contract without the codec of landmark packets, whose tables are large: that one is `landmark-packet.ts`. */
export * from './errors.ts';
export * from './landmarks.ts';
export * from './media-parameters.ts';
export * from './signalling.ts';
export * from './rest.ts';
