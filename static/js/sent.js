// On the student's page: the application has arrived, so this device need not keep its draft any longer.

import { forgetProject, readText } from "./device.js";

const { project } = document.querySelector("script[data-project]").dataset;

if (readText(project)?.sentAt) forgetProject(project);
