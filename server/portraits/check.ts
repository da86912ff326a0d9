/**
 * Is this picture good for an avatar? Refusals are `AppError`s with what was measured, warnings say what will look worse.
 * Thresholds were set on 392 portraits of 308 people (studio, selfies, generated; all skin tones) and on blurred and darkened copies;
 * they are meant to let through whatever the warp can use, paintings and statues included.
 */
import { AppError } from '../../client/src/protocol/index.ts';
import type { DetectedFace, RgbImage } from '../landmarker/types.ts';
import { measurePortrait, type PortraitMeasures } from './measure.ts';

export type PortraitWarningCode =
  | 'eyes-closed'
  | 'mouth-open'
  | 'turned'
  | 'low-resolution'
  | 'outside'
  | 'hair-cut'
  | 'chin-cut'
  | 'soft'
  | 'noisy'
  | 'coarse';

export interface PortraitWarning {
  code: PortraitWarningCode;
  /** One sentence: what was seen and what would be better. */
  message: string;
}

export interface PortraitVerdict {
  face: DetectedFace;
  measures: PortraitMeasures;
  /** `eyes-closed`, `mouth-open` and `turned` matter only where this is the only portrait: whoever knows the others decides. */
  warnings: PortraitWarning[];
}

/** A face this wide becomes some 120 pixels wide in a 256-pixel avatar: below the first it is a smear, below the second soft. */
const MIN_FACE_WIDTH_PX = 60;
const SOFT_FACE_WIDTH_PX = 110;
/** A second face at least this wide, as a share of the first, is a second person; a smaller one is background. */
const SECOND_FACE_SHARE = 0.4;
/** Share of the mesh that may be outside of the picture: the edge of a cheek, not an eye. */
const MAX_OUTSIDE = 0.04;
/** At 50 degrees one eye is hidden. A guided capture's turned portraits lie at 20 to 35. */
const MAX_YAW_DEGREES = 42;
const MAX_PITCH_DEGREES = 32;
/** The warp looks right up to about this turn, so the only portrait should stay within it. */
const FRONTAL_DEGREES = 20;
/** The darkest well-lit portrait has 85; a face under 40 everywhere shows no features, whatever its skin. */
const MIN_BRIGHT_LUMA = 40;
const MAX_BURNT = 0.3;
/** A drawing on white paper is all white but for sharp lines: they make its sharpness 2.6 to 14, overexposed photos have up to 2.8. */
const DRAWN_SHARPNESS = 3;
/** Sharp portraits have 0.07 to 1.3; blurred by 1 % of the face's width 0.013 to 0.09, by 2 % (soft eyes, no lashes) 0.003 to 0.019. */
const MIN_SHARPNESS = 0.008;
/** Of 129 good portraits none lies below; of those blurred with 5 pixels nine in ten do. */
const SOFT_SHARPNESS = 0.035;
/** Good portraits 0.4 to 3; with noise of 25 (of 255) 15 to 17, of 50 27 and more. */
const NOISY_GRAIN = 7;
const MAX_GRAIN = 24;
/** Good portraits 0.28 to 0.70; a mosaic of 8 or 14 pixels 0.03 to 0.09; JPEG of quality 1 0.08 to 0.34, half of them below 0.15. */
const COARSE_SPREAD = 0.27;
const MIN_SPREAD = 0.095;
/** Lid gap over eye width: open 0.10 (narrow) to 0.29; the mesh closes lids to about a quarter of that. */
const CLOSED_EYES = 0.085;
/** Lip gap over face height: closed 0 to 0.01, a smile that shows teeth 0.03 to 0.09. */
const OPEN_MOUTH = 0.045;

/** @throws AppError `portrait-no-face`, `-several-faces`, `-face-too-small`, `-face-cut-off`, `-turned`, `-too-dark`, `-too-bright`, `-blurred`, `-coarse` */
export function checkPortrait(image: RgbImage, faces: DetectedFace[]): PortraitVerdict {
  const [face, second] = faces;
  if (face === undefined) throw new AppError('portrait-no-face', `No face was found in ${image.width} x ${image.height} pixels`);
  if (second !== undefined && widthOf(second) >= SECOND_FACE_SHARE * widthOf(face))
    throw new AppError('portrait-several-faces', `${faces.length} faces were found`);
  const measures = measurePortrait(image, face);
  refuse(measures);
  return { face, measures, warnings: warn(measures) };
}

/** Between the cheeks, in the picture's plane. */
const widthOf = ({ points }: DetectedFace): number =>
  Math.hypot(points[454 * 3]! - points[234 * 3]!, points[454 * 3 + 1]! - points[234 * 3 + 1]!);

function refuse(measures: PortraitMeasures): void {
  const { faceWidthPx, outside, pose, brightLuma, burnt, sharpness, grain, spread } = measures;
  const degrees = (value: number) => `${Math.abs(value).toFixed(0)} degrees`;
  if (faceWidthPx < MIN_FACE_WIDTH_PX)
    throw new AppError('portrait-face-too-small', `The face is ${faceWidthPx.toFixed(0)} pixels wide, ${MIN_FACE_WIDTH_PX} are needed`);
  if (outside > MAX_OUTSIDE)
    throw new AppError('portrait-face-cut-off', `${(100 * outside).toFixed(0)} % of the face lie outside of the picture`);
  if (Math.abs(pose.yaw) > MAX_YAW_DEGREES)
    throw new AppError('portrait-turned', `The face is turned ${degrees(pose.yaw)} to the side, ${MAX_YAW_DEGREES} are allowed`);
  if (Math.abs(pose.pitch) > MAX_PITCH_DEGREES)
    throw new AppError(
      'portrait-turned',
      `The face looks ${degrees(pose.pitch)} ${pose.pitch > 0 ? 'up' : 'down'}, ${MAX_PITCH_DEGREES} are allowed`,
    );
  if (brightLuma < MIN_BRIGHT_LUMA)
    throw new AppError('portrait-too-dark', `The brightest parts of the face reach ${((brightLuma / 255) * 100).toFixed(0)} % of white`);
  if (burnt > MAX_BURNT && sharpness < DRAWN_SHARPNESS)
    throw new AppError('portrait-too-bright', `${(100 * burnt).toFixed(0)} % of the face are plain white`);
  if (sharpness < MIN_SHARPNESS)
    throw new AppError('portrait-blurred', `The face shows a sharpness of ${sharpness.toFixed(4)}, ${MIN_SHARPNESS} are needed`);
  if (grain > MAX_GRAIN)
    throw new AppError('portrait-coarse', `The face is covered with noise of ${grain.toFixed(0)} of 255 steps, ${MAX_GRAIN} are allowed`);
  if (spread < MIN_SPREAD && sharpness < DRAWN_SHARPNESS)
    throw new AppError('portrait-coarse', 'The face is made of large blocks, as a mosaic is');
}

function warn(measures: PortraitMeasures): PortraitWarning[] {
  const { faceWidthPx, pose, eyesOpen, mouthOpen } = measures;
  const warnings: PortraitWarning[] = textureWarnings(measures);
  if (eyesOpen[0] < CLOSED_EYES)
    warnings.push({ code: 'eyes-closed', message: 'The eyes look closed: an avatar made from this portrait alone has no irises to show.' });
  if (mouthOpen > OPEN_MOUTH)
    warnings.push({
      code: 'mouth-open',
      message: 'The mouth is open: an avatar made from this portrait alone closes it less well. Add one with closed lips.',
    });
  if (Math.max(Math.abs(pose.yaw), Math.abs(pose.pitch)) > FRONTAL_DEGREES)
    warnings.push({
      code: 'turned',
      message: 'The face is turned: an avatar made from this portrait alone looks distorted when it faces the camera. Add a frontal one.',
    });
  if (faceWidthPx < SOFT_FACE_WIDTH_PX)
    warnings.push({
      code: 'low-resolution',
      message: `The face is only ${faceWidthPx.toFixed(0)} pixels wide: the avatar will be soft. ${SOFT_FACE_WIDTH_PX} or more look better.`,
    });
  return warnings;
}

function textureWarnings({ sharpness, grain, spread }: PortraitMeasures): PortraitWarning[] {
  const warnings: PortraitWarning[] = [];
  if (sharpness < SOFT_SHARPNESS)
    warnings.push({ code: 'soft', message: 'The face is a little blurred: the avatar will be soft. Use a picture in focus.' });
  if (grain > NOISY_GRAIN)
    warnings.push({ code: 'noisy', message: 'The picture is noisy, and so will the avatar be. Use one with more light.' });
  if (spread < COARSE_SPREAD && sharpness < DRAWN_SHARPNESS)
    warnings.push({
      code: 'coarse',
      message: 'The picture is strongly compressed: its blocks will be seen on the avatar. Use the original picture.',
    });
  return warnings;
}
