import { psql } from './psql.js';
import { tellStories } from './tell-stories.js';

tellStories(psql);
