{{- define "export-center.labels" -}}
app.kubernetes.io/part-of: export-center
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "export-center.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* Name of one service's objects: underscores are not allowed there. */}}
{{- define "export-center.name" -}}
{{ .release }}-{{ .service | replace "_" "-" }}
{{- end -}}

{{- define "export-center.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}
