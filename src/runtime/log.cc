#include "runtime/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <time.h>

#include <array>
#include <cstdio>

namespace phoenix {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"trace", "debug", "info",
                                                    "warn",  "error", "off"};

Severity severity_of(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Severity>(i);
  }
  return Severity::kInfo;
}

spdlog::level::level_enum level_of(Severity severity) {
  switch (severity) {
    case Severity::kTrace:
      return spdlog::level::trace;
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarn:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
    case Severity::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

std::string time_text(WallMs at) {
  const time_t seconds = at / 1000;
  tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> day{};
  const size_t size = strftime(day.data(), day.size(), "%FT%T", &parts);
  std::array<char, 8> rest{};
  std::snprintf(rest.data(), rest.size(), ".%03dZ", static_cast<int>(at % 1000));
  return std::string(day.data(), size) + rest.data();
}

// As a JSON string. What is no UTF-8 has come through checks before; control characters are hidden.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", static_cast<unsigned>(c));
      out += code.data();
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string plain(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '=' || c == 0x7f) {
      return quoted(text);
    }
  }
  return text.empty() ? "\"\"" : std::string(text);
}

}  // namespace

struct Log::Sink {
  spdlog::logger logger{"host", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
};

Log::Log(std::string_view level, bool json) : sink_(std::make_unique<Sink>()), json_(json) {
  sink_->logger.set_pattern("%v");
  sink_->logger.set_level(level_of(severity_of(level)));
}

Log::~Log() = default;

bool Log::wants(Severity severity) const { return sink_->logger.should_log(level_of(severity)); }

void Log::write(Severity severity, std::string_view event,
                std::initializer_list<Field> fields) const {
  if (!wants(severity)) return;
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const WallMs at = now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
  const std::string line = render(json_, at, severity, event, fields);
  sink_->logger.log(level_of(severity), spdlog::string_view_t(line.data(), line.size()));
}

std::string Log::render(bool json, WallMs at, Severity severity, std::string_view event,
                        std::initializer_list<Field> fields) {
  const std::string_view level = kNames[static_cast<size_t>(severity)];
  std::string line;
  if (json) {
    line = "{\"time\":\"" + time_text(at) + "\",\"level\":\"" + std::string(level) +
           "\",\"event\":" + quoted(event);
    for (const auto& [name, value] : fields) line += "," + quoted(name) + ":" + quoted(value);
    return line + "}";
  }
  line = time_text(at) + " " + std::string(level) + " " + std::string(event);
  for (const auto& [name, value] : fields) line += " " + std::string(name) + "=" + plain(value);
  return line;
}

}  // namespace phoenix
