import { render } from 'preact';
import { App } from './app.tsx';
import { followAddress } from './router.ts';
import { restoreTheme } from './ui/theme.ts';

restoreTheme();
followAddress();
const root = document.getElementById('app');
if (root !== null) render(<App />, root);
