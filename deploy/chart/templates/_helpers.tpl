{{- define "homeostat.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* The release's name where it says what it is. At most 50 characters: a part's name follows. */ -}}
{{- define "homeostat.fullname" -}}
{{- $name := include "homeostat.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "homeostat.selector" -}}
app.kubernetes.io/name: {{ include "homeostat.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "homeostat.labels" -}}
{{ include "homeostat.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "homeostat.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{- /* The parts, and where each listens. */ -}}
{{- define "homeostat.ports" -}}
worker: 9464
detector: 9465
gateway: 8088
{{- end -}}

{{- /* homeostat.yaml: what the user wrote, and what only the chart can know. */ -}}
{{- define "homeostat.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- range $part, $port := include "homeostat.ports" . | fromYaml -}}
{{- $listen := dict "listen" (printf "0.0.0.0:%d" (int $port)) -}}
{{- $_ := set $config $part (merge $listen (default dict (get $config $part))) -}}
{{- end -}}
{{- $gateway := dict "tokenFile" "/etc/homeostat/gateway/token" -}}
{{- $_ := set $config "gateway" (merge $gateway $config.gateway) -}}
{{- $protected := dict "protectedNamespaces" (list "kube-system" .Release.Namespace) -}}
{{- $_ := set $config "healing" (merge (default dict $config.healing) $protected) -}}
{{- $artifacts := dict "directory" "/var/lib/homeostat/artifacts" -}}
{{- $_ := set $config "artifacts" (merge (default dict $config.artifacts) $artifacts) -}}
{{- toYaml $config -}}
{{- end -}}
