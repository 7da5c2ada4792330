{{/* Names: DNS labels, so no dots and underscores of a task type. */}}
{{- define "fairlead.name" -}}
{{- printf "%s-%s" (trunc 14 .root.Release.Name | trimSuffix "-") (.name | replace "." "-" | replace "_" "-") | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "fairlead.selector" -}}
app.kubernetes.io/name: fairlead
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ include "fairlead.name" . | trimPrefix (printf "%s-" (trunc 14 .root.Release.Name | trimSuffix "-")) }}
{{- end -}}

{{- define "fairlead.labels" -}}
{{ include "fairlead.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "fairlead.image" -}}
{{- $tag := .root.Values.image.tag | default .root.Chart.AppVersion -}}
{{- printf "%s:%s" .root.Values.image.repository (empty .variant | ternary $tag (printf "%s-%s" $tag .variant)) -}}
{{- end -}}

{{/* What all pods have: `variant`, `args`, `resources`, and `port` unless it is a job. */}}
{{- define "fairlead.pod" -}}
serviceAccountName: {{ .root.Values.serviceAccountName }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: fairlead
    image: {{ include "fairlead.image" . }}
    imagePullPolicy: {{ .root.Values.image.pullPolicy }}
    args: {{ toJson .args }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    env:
      {{- range $name, $value := .root.Values.settings }}
      - {name: {{ $name }}, value: {{ $value | quote }}}
      {{- end }}
    resources: {{ toJson .resources }}
    {{- with .port }}
    ports:
      - {name: http, containerPort: {{ . }}, protocol: TCP}
    startupProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 2
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /healthz, port: http}
      periodSeconds: 10
      timeoutSeconds: 5
    readinessProbe:
      httpGet: {path: /readyz, port: http}
      periodSeconds: 5
      timeoutSeconds: 5
    {{- end }}
    {{- if .drains }}
    # Time for it to leave the endpoints, before it takes no more connections.
    lifecycle: {preStop: {exec: {command: [sleep, "5"]}}}
    {{- end }}
    volumeMounts:
      - {name: tmp, mountPath: /tmp}
      - {name: secrets, mountPath: /etc/fairlead/secrets, readOnly: true}
volumes:
  - {name: tmp, emptyDir: {}}
  - name: secrets
    secret: {secretName: {{ required "Set existingSecret to the name of a Secret with the settings that are secret." .root.Values.existingSecret }}, defaultMode: 0440}
{{- end -}}

{{/* A Deployment with its disruption budget. Takes also `name`, `replicas`, `job` (Prometheus' name for it), `scaled`. */}}
{{- define "fairlead.deployment" -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "fairlead.name" . }}
  labels: {{ include "fairlead.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}
  selector:
    matchLabels: {{ include "fairlead.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "fairlead.labels" . | nindent 8 }}
        fairlead.io/job: {{ .job }}
      {{- with .root.Values.podAnnotations }}
      annotations: {{ toYaml . | nindent 8 }}
      {{- end }}
    spec:
      terminationGracePeriodSeconds: 40
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {{ include "fairlead.selector" . | fromYaml | toJson }}}
      {{- include "fairlead.pod" . | nindent 6 }}
{{- if .root.Values.podDisruptionBudgets }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "fairlead.name" . }}
  labels: {{ include "fairlead.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{ include "fairlead.selector" . | nindent 6 }}
{{- end }}
{{- end -}}

{{/* A ScaledObject for it; takes `min`, `max` and `triggers`. */}}
{{- define "fairlead.scaled" -}}
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ include "fairlead.name" . }}
  labels: {{ include "fairlead.labels" . | nindent 4 }}
spec:
  scaleTargetRef: {name: {{ include "fairlead.name" . }}}
  pollingInterval: {{ .root.Values.scaling.pollingSeconds }}
  cooldownPeriod: {{ .root.Values.scaling.cooldownSeconds }}
  minReplicaCount: {{ .min }}
  maxReplicaCount: {{ .max }}
  triggers: {{ toYaml .triggers | nindent 4 }}
{{- end -}}

{{- define "fairlead.prometheus" -}}
type: prometheus
metadata:
  serverAddress: {{ .root.Values.scaling.prometheus }}
  query: {{ .query | quote }}
  threshold: {{ .threshold | quote }}
  {{- with .activation }}
  activationThreshold: {{ . | quote }}
  {{- end }}
{{- end -}}

{{/* Refuses settings that name an address whose port the network policy keeps shut; addresses for browsers don't count. */}}
{{- define "fairlead.reachable" -}}
{{- $open := list -}}
{{- range .Values.networkPolicies.egressPorts -}}{{- $open = append $open (toString .) -}}{{- end -}}
{{- $shown := list "FAIRLEAD_GATEWAY__PUBLIC_URL" "FAIRLEAD_RUNBOOKS_URL" "FAIRLEAD_CONTROL_ROOM__TRACE_URL" -}}
{{- range $name, $value := .Values.settings -}}
{{- $text := toString $value -}}
{{- $ports := list -}}
{{- if eq $name "FAIRLEAD_MAIL__PORT" -}}
{{- $ports = list $text -}}
{{- else if regexMatch "^[^/\\s,]+:[0-9]+(,[^/\\s,]+:[0-9]+)*$" $text -}}
{{- range splitList "," $text -}}{{- $ports = append $ports (regexFind "[0-9]+$" .) -}}{{- end -}}
{{- else if not (has $name $shown) -}}
{{- range regexFindAll "https?://[^/?,\"\\s]+" $text -1 -}}
{{- $ports = append $ports (regexFind ":[0-9]+$" . | trimPrefix ":" | default (hasPrefix "https:" . | ternary "443" "80")) -}}
{{- end -}}
{{- end -}}
{{- range $ports -}}
{{- if not (has . $open) -}}
{{- fail (printf "%s needs port %s: add it to networkPolicies.egressPorts, or set networkPolicies.enabled=false." $name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
