/**
 * The only importer of mediasoup-client. The package's build puts it into this file, without the handlers of browsers that are too old for
 * us: what apps install is smaller and has no conditions on their version of Node.
 */
export { Device } from 'mediasoup-client';
export type { types as mediasoup } from 'mediasoup-client';
