/// <reference lib="dom" preserve="true" />
/**
 * Custom elements: `<gioconda-call>` and `<gioconda-avatar>`. Importing this module registers them; a Gioconda server serves it as one
 * script, `/sdk/gioconda.js`.
 */
import { GiocondaAvatarElement } from './GiocondaAvatarElement.ts';
import { GiocondaCallElement } from './GiocondaCallElement.ts';

if (typeof customElements !== 'undefined') {
  if (!customElements.get('gioconda-avatar')) customElements.define('gioconda-avatar', GiocondaAvatarElement);
  if (!customElements.get('gioconda-call')) customElements.define('gioconda-call', GiocondaCallElement);
}

declare global {
  interface HTMLElementTagNameMap {
    'gioconda-avatar': GiocondaAvatarElement;
    'gioconda-call': GiocondaCallElement;
  }
}

export { GiocondaAvatarElement, GiocondaCallElement };
export type { CallSource } from './GiocondaAvatarElement.ts';
