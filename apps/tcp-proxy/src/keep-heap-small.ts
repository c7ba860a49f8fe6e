// Told to V8 before anything else is loaded; NODE_OPTIONS does not take it.

import { setFlagsFromString } from 'node:v8';

// How far the heap may grow over what lived after the last full collection until the next one. V8 lets it double, which suits
// programs that compute. Here most of the heap is sessions that do nothing, and what their logins left behind would stand
// beside them, as large as they are, for hours. A relay at work hardly makes the heap grow, so collections stay rare.
setFlagsFromString('--heap-growing-percent=20');
