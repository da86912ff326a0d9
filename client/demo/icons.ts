/** Line icons on a 24 x 24 grid, drawn for this page. */
const paths = {
  mic: ['M12 3.5a3 3 0 0 0-3 3V12a3 3 0 0 0 6 0V6.5a3 3 0 0 0-3-3Z', 'M5.5 11.5a6.5 6.5 0 0 0 13 0', 'M12 18v3'],
  'mic-off': [
    'M9 9v3a3 3 0 0 0 4.8 2.4',
    'M15 11V6.5a3 3 0 0 0-5.7-1.3',
    'M5.5 11.5a6.5 6.5 0 0 0 10.2 5.3',
    'M18.5 11.5a6.5 6.5 0 0 1-.6 2.7',
    'M12 18v3',
    'M4 4l16 16',
  ],
  avatar: [
    'M6 3.5h12a1.5 1.5 0 0 1 1.5 1.5v14a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 19V5A1.5 1.5 0 0 1 6 3.5Z',
    'M12 7a2.8 2.8 0 0 0-2.8 2.8c0 1.8 1.2 3.2 2.8 3.2s2.8-1.4 2.8-3.2A2.8 2.8 0 0 0 12 7Z',
    'M7.5 20c.4-2.7 2.2-4.3 4.5-4.3s4.1 1.6 4.5 4.3',
  ],
  link: ['M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1', 'M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1'],
  settings: ['M4 7h9', 'M17 7h3', 'M15 5v4', 'M4 17h3', 'M11 17h9', 'M9 15v4', 'M4 12h13', 'M20 12h0'],
  leave: ['M14 4.5H6.5A1.5 1.5 0 0 0 5 6v12a1.5 1.5 0 0 0 1.5 1.5H14', 'M10.5 12H20', 'M16.5 8.5 20 12l-3.5 3.5'],
  chart: ['M4 19.5h16', 'M6.5 16v-4', 'M11 16V6', 'M15.5 16v-6', 'M19.5 16V9'],
  upload: ['M12 15.5V4.5', 'M7.5 9 12 4.5 16.5 9', 'M4.5 15.5v3A1.5 1.5 0 0 0 6 20h12a1.5 1.5 0 0 0 1.5-1.5v-3'],
  camera: [
    'M4 8.5A1.5 1.5 0 0 1 5.5 7h2L9 4.5h6L16.5 7h2A1.5 1.5 0 0 1 20 8.5v9a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 17.5Z',
    'M12 9.5a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6Z',
  ],
  check: ['M5 12.5 10 17.5 19.5 7'],
  warn: ['M12 4 3 19.5h18Z', 'M12 10v4.5', 'M12 17v.2'],
  close: ['M6 6l12 12', 'M18 6 6 18'],
  trash: ['M4.5 7h15', 'M9.5 7V4.5h5V7', 'M6.5 7l.8 12.5h9.4L17.5 7', 'M10 10.5v5.5', 'M14 10.5v5.5'],
  lock: ['M6 10.5h12v9H6Z', 'M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5'],
  smile: ['M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17Z', 'M8.3 13.8a4.2 4.2 0 0 0 7.4 0', 'M9.2 9.4v.2', 'M14.8 9.4v.2'],
  reset: ['M5 12a7 7 0 1 0 2.3-5.2', 'M7.5 3v4h4'],
  plus: ['M12 5v14', 'M5 12h14'],
  arrow: ['M5 12h14', 'M13 6l6 6-6 6'],
  back: ['M19 12H5', 'M11 6l-6 6 6 6'],
  eye: ['M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12Z', 'M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z'],
} as const;

export type IconName = keyof typeof paths;

const svgNamespace = 'http://www.w3.org/2000/svg';

/** Decorative: the control that carries it has the words. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(svgNamespace, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of paths[name]) {
    const path = document.createElementNS(svgNamespace, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

/** An upright oval, 4 : 5, that fills clockwise from the top: 0 to 1 by `setProgress`. */
export function progressRing(className: string): { element: SVGSVGElement; setProgress: (fraction: number) => void } {
  const svg = document.createElementNS(svgNamespace, 'svg');
  svg.setAttribute('viewBox', '0 0 100 125');
  svg.setAttribute('class', className);
  svg.setAttribute('aria-hidden', 'true');
  const [, bar] = ['ring-track', 'ring-bar'].map((name) => {
    const oval = document.createElementNS(svgNamespace, 'path');
    for (const [key, value] of Object.entries({ class: name, d: 'M50 1.5A48.5 61 0 0 1 50 123.5A48.5 61 0 0 1 50 1.5', pathLength: '1' }))
      oval.setAttribute(key, value);
    svg.append(oval);
    return oval;
  });
  return { element: svg, setProgress: (fraction) => bar!.style.setProperty('stroke-dashoffset', String(1 - fraction)) };
}
