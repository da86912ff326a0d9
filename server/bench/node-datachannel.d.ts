/** What the load test uses of libdatachannel: the sources can be checked where this development package is not installed. */
declare module 'node-datachannel' {
  export interface DataChannel {
    isOpen(): boolean;
    sendMessageBinary(message: Uint8Array): boolean;
    onOpen(listener: () => void): void;
  }
  export interface MediaHandler {
    addToChain(handler: MediaHandler): void;
  }
  export interface Track {
    setMediaHandler(handler: MediaHandler): void;
    onMessage(listener: (packet: Buffer) => void): void;
  }
  export interface PeerConnection {
    setRemoteDescription(sdp: string, type: 'offer' | 'answer'): void;
    onLocalDescription(listener: (sdp: string) => void): void;
    onTrack(listener: (track: Track) => void): void;
    createDataChannel(label: string, options: { negotiated: boolean; id: number; unordered: boolean; maxRetransmits: number }): DataChannel;
    close(): void;
  }
  const datachannel: {
    PeerConnection: new (name: string, options: { iceServers: string[]; bindAddress: string }) => PeerConnection;
    RtcpReceivingSession: new () => MediaHandler;
  };
  export default datachannel;
}
