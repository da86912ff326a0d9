/**
 * FFmpeg writes past our log, raw, to the error output. What it has to say of damaged files comes back as codes, which are counted or worded
 * for people; only what ends the process may be printed. One place: the level is the process's, and the last module to set it would win.
 */
import { Log } from 'node-av/lib';
import { AV_LOG_FATAL } from 'node-av/constants';

Log.setLevel(AV_LOG_FATAL);
