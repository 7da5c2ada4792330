// Holds KEDA's ScaledObjects, a JSON list on standard input, against KEDA's own schema.
import { readFileSync } from "node:fs";
import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject";

for (const one of JSON.parse(readFileSync(0, "utf8"))) {
  new ScaledObject(one).validate();
}
