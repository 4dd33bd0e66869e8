// The comfort of the apply page. Without it the same form works by itself.

import { countCharacters } from "./counter.js";
import { forgetOld } from "./device.js";
import { keepDraft } from "./draft.js";
import { sendOnceAllIsThere } from "./sending.js";
import { markSteps } from "./steps.js";
import { takeOverFiles } from "./uploads.js";

forgetOld();
keepDraft();
countCharacters();
sendOnceAllIsThere();
takeOverFiles();
markSteps();
