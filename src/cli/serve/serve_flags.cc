#include "cli/serve/serve_flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cli/context.h"
#include "cli/line/values.h"
#include "cli/serve/config_file.h"

namespace phoenix::cli {
namespace {

constexpr size_t kMaxConfig = 1024 * 1024;
constexpr int64_t kMostBytes = int64_t{1} << 40;

Complaint check_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  const bool open_v6 =
      text.find(':') != colon && !(text.starts_with('[') && text[colon - 1] == ']');
  if (colon == std::string_view::npos || colon == 0 || open_v6 ||
      !parse_integer(text.substr(colon + 1), 0, 65535)) {
    return fmt::format("\"{}\" is no HOST:PORT; write it as 127.0.0.1:7400 or [::1]:7400", text);
  }
  return std::nullopt;
}

Flag address_flag(std::string name, std::string* into, bool* explicit_too, std::string help) {
  Flag flag = text_flag(std::move(name), "HOST:PORT", into, std::move(help));
  flag.set = [into, explicit_too](std::string_view text) -> Complaint {
    if (auto complaint = check_address(text)) return complaint;
    *into = text;
    *explicit_too = true;
    return std::nullopt;
  };
  return flag;
}

Flag store_flag(std::string* into) {
  Flag flag = text_flag(
      "--store", "sqlite", into,
      "where packets are kept: sqlite, postgresql://… for several hosts, none: a gateway");
  flag.set = [into](std::string_view text) -> Complaint {
    const bool shared = text.starts_with("postgresql://") || text.starts_with("postgres://");
    if (text == "sqlite" || text == "none" || shared) {
      *into = text;
      return std::nullopt;
    }
    // What looks like an address may hold a password.
    const bool address = text.find(':') != std::string_view::npos;
    return fmt::format("{} is no store; use sqlite, postgresql://USER@HOST/DATABASE or none",
                       address ? std::string("this") : "\"" + std::string(text) + "\"");
  };
  return flag;
}

Flag bytes_flag(std::string name, int64_t* into, std::string help) {
  Flag flag = text_flag(std::move(name), "256MiB", nullptr, std::move(help));
  flag.set = [into](std::string_view text) -> Complaint {
    auto bytes = parse_bytes(text, 1, kMostBytes);
    if (!bytes) return bytes.error();
    *into = *bytes;
    return std::nullopt;
  };
  return flag;
}

Flag repeated_flag(std::string name, std::string value, std::vector<std::string>* into,
                   std::string help) {
  Flag flag = list_flag(std::move(name), std::move(value), into, std::move(help));
  flag.greedy = false;
  return flag;
}

// Each a HOST:PORT, or a HOST that listens on the usual port.
Flag join_flag(std::vector<std::string>* into) {
  Flag flag = repeated_flag("--join", "ADDR,…", into, "hosts of the pool to join, HOST[:7946]");
  flag.set = [set = flag.set](std::string_view text) -> Complaint {
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find(',', at), text.size());
      const std::string_view one = text.substr(at, end - at);
      at = end + 1;
      if (!one.empty() && !check_address(one)) continue;
      if (!one.empty() && !check_address(std::string(one) + ":7946")) continue;
      return fmt::format("\"{}\" is no HOST:PORT; write it as 10.0.0.1:7946 or [::1]:7946", one);
    }
    return set(text);
  };
  return flag;
}

}  // namespace

std::vector<Flag> serve_flags(ServeOptions* o) {
  std::vector<Flag> flags;
  flags.push_back(text_flag("--name", "NAME", &o->name, "this host's name (the machine's)"));
  flags.push_back(text_flag("--data", "DIR", &o->data_dir, "data folder (.phoenixflight)"));
  flags.push_back(address_flag("--listen", &o->listen, &o->listen_explicit,
                               "REST (127.0.0.1:7400); port 0: any free one"));
  flags.push_back(
      address_flag("--peer", &o->peer, &o->peer_explicit, "host to host (127.0.0.1:7401)"));
  flags.push_back(address_flag("--gossip", &o->gossip, &o->gossip_explicit,
                               "membership, UDP and TCP (127.0.0.1:7946)"));
  flags.push_back(text_flag("--advertise", "ADDR", &o->advertise, "address that others reach"));
  flags.push_back(join_flag(&o->join));
  flags.push_back(
      text_flag("--gossip-key-file", "FILE", &o->gossip_key_file, "keys that encrypt gossip"));
  flags.push_back(
      text_flag("--pool", "DIR", &o->pool_dir, "ring key, ids and view of the pool (--data)"));
  flags.push_back(store_flag(&o->store));
  flags.push_back(
      number_flag("--weight", "N", &o->weight, 0, 10'000, "share of the work (100); 0: no slots"));
  flags.push_back(text_flag("--tls-cert", "FILE", &o->tls_cert, "certificate chain, PEM"));
  flags.push_back(text_flag("--tls-key", "FILE", &o->tls_key, "its private key, PEM"));
  flags.push_back(
      text_flag("--tls-ca", "FILE", &o->tls_ca, "clients must show a certificate of these, PEM"));
  flags.push_back(text_flag("--auth-file", "FILE", &o->auth_file, "tokens and their roles"));
  flags.push_back(
      repeated_flag("--allow-host", "NAME,…", &o->allow_host, "more names for the Host header"));
  flags.push_back(
      repeated_flag("--allow-origin", "ORIGIN,…", &o->allow_origin, "web origins that may call"));
  flags.push_back(switch_flag("--require-member-keys", &o->require_member_keys,
                              "refuse members without a key; see docs/audit.md"));
  flags.push_back(switch_flag("--insecure", &o->insecure,
                              "listen beyond loopback without tokens or mutual TLS"));
  flags.push_back(duration_flag("--retain", "7d", &o->retain, "how long ended packets stay (7d)"));
  flags.push_back(duration_flag("--retain-record", "AGE", &o->retain_record,
                                "entries of the flight recorder older than that go (none)"));
  flags.push_back(number_flag("--retain-count", "N", &o->retain_count, 0, 1'000'000'000,
                              "and how many of them (1000000)"));
  flags.push_back(number_flag("--max-live-packets", "N", &o->max_live_packets, 1, 1'000'000'000,
                              "more are refused (1000000)"));
  flags.push_back(bytes_flag("--max-blob", &o->max_blob, "largest blob; not used yet"));
  flags.push_back(
      choice_flag("--log-format", {"text", "json"}, &o->log_format, "of the log on stderr"));
  flags.push_back(choice_flag("--log-level", {"trace", "debug", "info", "warn", "error", "off"},
                              &o->log_level, "least severity to log (info)"));
  return flags;
}

Outcome<ServeOptions> merge_serve_options(const std::string& config_path, const GivenFlags& given) {
  ServeOptions options;
  const std::vector<Flag> flags = serve_flags(&options);
  const auto set = [&flags](const std::string& name, const std::string& value) -> Complaint {
    for (const Flag& flag : flags) {
      if (flag.name == name) return flag.set(value);
    }
    return "unknown";
  };
  if (!config_path.empty()) {
    auto text = read_input(config_path, kMaxConfig, "cannot read --config");
    if (!text) return tl::unexpected(text.error());
    auto entries = read_config(*text, config_path, flags);
    if (!entries) return tl::unexpected(entries.error());
    std::string complaints;
    for (const ConfigEntry& entry : *entries) {
      const Complaint complaint = set(entry.flag, entry.value);
      if (!complaint) continue;
      complaints += fmt::format("{}{}: {}: {}", complaints.empty() ? "" : "\n", entry.place,
                                config_key(entry.flag), *complaint);
    }
    if (!complaints.empty()) return tl::unexpected(wrong_use("cannot use --config", complaints));
  }
  std::set<std::string> replaced;
  for (const auto& [name, value] : given) {
    // A list on the command line stands instead of the file's, it is not added to it.
    if (replaced.insert(name).second) {
      if (name == "--allow-host") options.allow_host.clear();
      if (name == "--allow-origin") options.allow_origin.clear();
      if (name == "--join") options.join.clear();
    }
    set(name, value);
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return tl::unexpected(
        wrong_use("--tls-cert and --tls-key come together",
                  options.tls_cert.empty() ? "the certificate is missing" : "the key is missing"));
  }
  if (options.store == "none" && options.join.empty()) {
    return tl::unexpected(wrong_use("--store none needs --join",
                                    "a gateway keeps nothing: it hands calls on to a pool's hosts",
                                    "name one of them: --join 10.0.0.1:7946"));
  }
  if (options.store == "none" && !options.auth_file.empty()) {
    return tl::unexpected(wrong_use("--auth-file does not go with --store none",
                                    "the hosts behind a gateway check the tokens",
                                    "leave it out; they have theirs"));
  }
  if (options.retain.ns == 0) {
    return tl::unexpected(wrong_use("--retain: 0s is too short", "", "for example --retain 1h"));
  }
  return options;
}

}  // namespace phoenix::cli
