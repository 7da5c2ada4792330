// Camunda's own validator on a file of element templates: prints each fault, exit code 1 if there is one.
import { readFileSync } from 'node:fs';
import { validateAllZeebe } from '@bpmn-io/element-templates-validator';

const { results } = validateAllZeebe(JSON.parse(readFileSync(process.argv[2], 'utf8')));
for (const { valid, object, errors } of results) {
  if (!valid) {
    process.exitCode = 1;
    for (const { message, dataPointer } of errors) {
      console.log(`${object.id}: ${message}`, dataPointer ?? '');
    }
  }
}
