import * as runner from '@jest/globals';
import { jdbc } from './jdbc.js';
import { tellStories } from './tell-stories.js';

tellStories(jdbc, runner);
