{{- define "maskline.image" -}}
{{ .name }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}

{{- define "maskline.labels" -}}
app.kubernetes.io/part-of: maskline
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* The restricted pod security standard. */ -}}
{{- define "maskline.podSecurity" -}}
automountServiceAccountToken: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile:
    type: RuntimeDefault
{{- end }}

{{- define "maskline.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end }}

{{- /* For sslrootcert in the database's URL, where Node does not know the server's authority. */ -}}
{{- define "maskline.databaseCaMount" -}}
- name: database-ca
  mountPath: /database-ca
  readOnly: true
{{- end }}
{{- define "maskline.databaseCaVolume" -}}
- name: database-ca
  configMap:
    name: {{ .Values.database.caConfigMap }}
    optional: true
{{- end }}

{{- /* MASKLINE_CONTRACT, and the module that it names where it is a path. */ -}}
{{- define "maskline.contractEnv" -}}
- name: MASKLINE_CONTRACT
  valueFrom:
    configMapKeyRef:
      name: {{ .Release.Name }}-contract
      key: MASKLINE_CONTRACT
{{- end }}
{{- define "maskline.contractMount" -}}
- name: contract
  mountPath: /contract
  readOnly: true
{{- end }}
{{- define "maskline.contractVolume" -}}
- name: contract
  configMap:
    name: {{ .Release.Name }}-contract
{{- end }}

{{- /* Of a job: where it leaves how it ended. */ -}}
{{- define "maskline.metricsEnv" -}}
{{- if .root.Values.metrics.files.enabled }}
- name: MASKLINE_METRICS_FILE
  value: /metrics/{{ .name }}.prom
{{- end }}
{{- end }}
{{- define "maskline.metricsMount" -}}
{{- if .Values.metrics.files.enabled }}
- name: metrics
  mountPath: /metrics
{{- end }}
{{- end }}
{{- define "maskline.metricsVolume" -}}
{{- if .Values.metrics.files.enabled }}
- name: metrics
  persistentVolumeClaim:
    claimName: {{ .Release.Name }}-metrics
{{- end }}
{{- end }}
{{- define "maskline.metricsAffinity" -}}
{{- if and .Values.metrics.files.enabled (eq .Values.metrics.files.accessMode "ReadWriteOnce") }}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            app.kubernetes.io/name: {{ .Release.Name }}-metrics
{{- end }}
{{- end }}

{{- define "maskline.jobResources" -}}
resources:
  requests:
    cpu: 50m
    memory: 128Mi
  limits:
    memory: 512Mi
{{- end }}
