/** Opens a file as nothing but a video file: what it says may not make this process read other files or addresses. */
import { resolve } from 'node:path';
import { Dictionary, type FormatContext } from 'node-av/lib';

/** Containers and raw streams that hold their pictures themselves. Not among them: playlists and lists of files (HLS, DASH, concat, SDP, image sequences). */
const formats = [
  'mov,mp4,m4a,3gp,3g2,mj2',
  'matroska,webm',
  'avi',
  'mpeg',
  'mpegts',
  'mpegtsraw',
  'mpegvideo',
  'flv',
  'asf',
  'dv',
  'ogg',
  'mxf',
  'gxf',
  'nut',
  'rm',
  'wtv',
  'ivf',
  'gif',
  'apng',
  'yuv4mpegpipe',
  'h264',
  'hevc',
  'av1',
  'obu',
  'm4v',
  'h263',
  'vc1',
  'mjpeg',
  'swf',
  'wav',
  'mp3',
  'aac',
  'flac',
];
/** Formats that FFmpeg makes one-picture or scrolling-text videos of: let through to be refused as having no moving picture. */
const pictures = ['png_pipe', 'jpeg_pipe', 'webp_pipe', 'bmp_pipe', 'tiff_pipe', 'image2'];

/** @returns FFmpeg's status: negative where the file is none of the formats, or damaged. The context is then to be freed as usual. */
export async function openInput(context: FormatContext, path: string): Promise<number> {
  const options = Dictionary.fromObject({ protocol_whitelist: 'file', format_whitelist: [...formats, ...pictures].join(',') });
  try {
    return await context.openInput(`file:${resolve(path)}`, null, options);
  } finally {
    options.free();
  }
}
