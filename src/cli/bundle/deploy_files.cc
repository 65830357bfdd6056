#include "cli/bundle/deploy_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

namespace phoenix::cli {
namespace {

// How long after the drain what is left is killed.
constexpr int64_t kStopSlackSeconds = 15;

// The user that Debian keeps for who owns nothing.
constexpr int kNobody = 65'534;

std::string needs(const DeployedApp& app) {
  if (app.programs.empty()) return "phoenix";
  return fmt::format("phoenix, {}", fmt::join(app.programs, ", "));
}

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("/._-+:@=,").find(c) != std::string_view::npos;
}

}  // namespace

std::string dockerfile_text(const DeployedApp& app, const std::string& image) {
  constexpr std::string_view kForm =
      R"(# {name} {version}, bundle {id}. Made by `phoenix emit dockerfile`; to build it:
#
#   docker build -f {name}-{version}.Dockerfile -t {name}:{version} .
#
# The image below must hold: {needs}.
ARG PHOENIX_IMAGE={image}
FROM ${{PHOENIX_IMAGE}}

LABEL org.opencontainers.image.title="{name}" \
      org.opencontainers.image.version="{version}" \
      io.phoenixflight.bundle="sha256:{digest}"

COPY --chmod=0444 {bundle} /app/
RUN printf '%s  %s\n' {digest} /app/{bundle} > /tmp/sum \
 && sha256sum --check --quiet /tmp/sum \
 && rm /tmp/sum \
 && phoenix bundle verify -q /app/{bundle} \
 && install -d -o {user} -g {user} -m 0700 /data

# The host's data and the logs: /data/.phoenixflight.
USER {user}:{user}
WORKDIR /data
VOLUME ["/data"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["phoenix", "run", "/app/{bundle}"]
)";
  return fmt::format(kForm, fmt::arg("name", app.name), fmt::arg("version", app.version),
                     fmt::arg("id", app.bundle_id), fmt::arg("needs", needs(app)),
                     fmt::arg("image", image), fmt::arg("digest", app.digest),
                     fmt::arg("bundle", app.bundle_file), fmt::arg("user", kNobody));
}

std::string unit_word(const std::string& word) {
  std::string out;
  for (const char c : word) {
    if (c == '%') out.push_back(c);
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), is_plain);
  return plain ? out : "\"" + out + "\"";
}

std::string unit_text(const DeployedApp& app, const UnitPaths& paths) {
  constexpr std::string_view kForm =
      R"(# {name} {version}, bundle {id}. Made by `phoenix emit systemd`; to bring it up:
#
#   cp {name}.service /etc/systemd/system/ && systemctl daemon-reload
#   systemctl enable --now {name}
#
# The machine must have: {needs}.
[Unit]
Description={name} {version} (PhoenixFlight app)
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=:{command}
Restart=on-failure
RestartSec=2s
# The first signal drains the agents; what is left after that is killed.
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec={stop}s
SuccessExitStatus=130

DynamicUser=yes
StateDirectory={name}
StateDirectoryMode=0700
WorkingDirectory=%S/{name}
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectSystem=strict
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes

[Install]
WantedBy=multi-user.target
)";
  std::string command =
      fmt::format("{} run {} --keep", unit_word(paths.program), unit_word(paths.bundle));
  if (!paths.keys.empty()) command += " --keys " + unit_word(paths.keys);
  return fmt::format(kForm, fmt::arg("name", app.name), fmt::arg("version", app.version),
                     fmt::arg("id", app.bundle_id), fmt::arg("needs", needs(app)),
                     fmt::arg("command", command),
                     fmt::arg("stop", app.drain_seconds + kStopSlackSeconds));
}

}  // namespace phoenix::cli
