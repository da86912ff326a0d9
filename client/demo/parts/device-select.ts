/** Choosing camera and microphone; follows what is plugged in and out. */
import { h, field } from '../dom.ts';
import type { Part } from '../dom.ts';
import type { Studio } from '../Studio.ts';

export function deviceSelect(studio: Studio, kind: 'videoinput' | 'audioinput'): Part {
  const isCamera = kind === 'videoinput';
  const label = isCamera ? 'Camera' : 'Microphone';
  const select = h('select', { onchange: () => void (isCamera ? studio.switchCamera(select.value) : studio.openMicrophone(select.value)) });
  let closed = false;

  const refresh = async (): Promise<void> => {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === kind && device.deviceId);
    if (closed) return;
    const current = isCamera ? studio.camera?.deviceId : studio.microphone?.getSettings().deviceId;
    const options = devices.map((device, index) =>
      h('option', { value: device.deviceId, selected: device.deviceId === current }, device.label || `${label} ${index + 1}`),
    );
    select.replaceChildren(...(options.length > 0 ? options : [h('option', {}, `No ${label.toLowerCase()} found`)]));
    select.disabled = options.length === 0;
  };
  const onChange = (): void => void refresh();
  navigator.mediaDevices.addEventListener('devicechange', onChange);
  const off = studio.on(isCamera ? 'camera' : 'microphone', onChange);
  void refresh();

  const close = (): void => {
    closed = true;
    navigator.mediaDevices.removeEventListener('devicechange', onChange);
    off();
  };
  return { element: field(label, select), close };
}
