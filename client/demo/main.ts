import { App } from './App.ts';

const root = document.getElementById('app');
if (!root) throw new Error('the page has no #app');
new App(root).start();
