#include "sim/gossip/scenario/gossip_player.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "membership/wire/messages.h"
#include "membership/wire/serf_messages.h"
#include "sim/gossip/scenario/sayings.h"

namespace phoenix::hostsim {

namespace {

const char* state_text(gossip::SwimState state) {
  constexpr std::array<const char*, 4> kNames = {"alive", "suspect", "dead", "left"};
  return kNames[static_cast<size_t>(state)];
}

std::optional<gossip::SwimState> state_of(std::string_view name) {
  for (const auto state : {gossip::SwimState::kAlive, gossip::SwimState::kSuspect,
                           gossip::SwimState::kDead, gossip::SwimState::kLeft}) {
    if (name == state_text(state)) return state;
  }
  return std::nullopt;
}

std::vector<std::string> parts_of(const std::string& text, char mark) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == mark) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// "10.0.0.1": shorter than the whole, as all ports are the same.
std::string ip_text(const gossip::Endpoint& endpoint) {
  const std::string text = gossip::to_string(endpoint);
  return text.substr(0, text.rfind(':'));
}

}  // namespace

GossipPlayer::GossipPlayer()
    : stage_([this](std::string line) { out_.push_back(std::move(line)); }) {}

std::vector<std::string> GossipPlayer::run(const std::string& line) {
  out_.clear();
  const sim::Words words(line);
  const bool is_peer = stage_.peer(words.verb()) != nullptr;
  if (words.verb() == "start") {
    start(words);
  } else if (words.verb() == "peer") {
    add_peer(words);
  } else if (!stage_.up()) {
    if (words.verb() == "heard") {
      print_heard(words);
    } else if (words.verb() == "advance") {
      stage_.advance(milliseconds(sim::parse_millis(words.argument(0))));
    } else {
      out_.emplace_back("the host is down");
    }
  } else if (is_peer) {
    const std::string rest = line.substr(line.find(words.verb()) + words.verb().size());
    if (!run_peer(words.verb(), sim::Words(rest))) out_.push_back("unknown saying: " + line);
  } else if (!run_world(words) && !run_command(words)) {
    out_.push_back("unknown command: " + line);
  }
  return std::exchange(out_, {});
}

void GossipPlayer::start(const sim::Words& words) {
  gossip::MembershipOptions options;
  options.name = "me";
  options.advertise = GossipStage::own_address();
  options.version = "0";
  options.boot_id = 1;
  options.identity = {"pool", "print", 128, "store"};
  options.phoenix = !words.flag("foreign");
  options.frame.compress = false;
  options.remembered = stage_.disk();
  if (words.has("inc")) {
    options.remembered.incarnation = static_cast<uint32_t>(words.number("inc", 0));
  }
  options.frame.label = words.text("label");
  if (words.has("key")) options.keys.push_back(words.text("key"));
  for (const std::string& seed : words.list("seeds")) options.seeds.push_back(stage_.where(seed));
  stage_.start(options);
}

// peer NAME [at=IP] [inc=N] [mute] [gone]
void GossipPlayer::add_peer(const sim::Words& words) {
  const std::string& name = words.argument(0);
  // a to z have an address each; others say theirs.
  const std::string own = fmt::format("10.0.0.{}", 10 + (name.empty() ? 0 : name[0] - 'a'));
  GossipStage::Peer& peer = stage_.add_peer(name, endpoint_of_text(words.text("at", own)));
  peer.incarnation = static_cast<uint32_t>(words.number("inc", 1));
  peer.mute = words.flag("mute");
  peer.gone = words.flag("gone");
}

bool GossipPlayer::run_world(const sim::Words& words) {
  const std::string& verb = words.verb();
  const Duration length = milliseconds(sim::parse_millis(words.argument(0)));
  if (verb == "advance" && length.ns >= 0) {
    stage_.advance(length);
  } else if (verb == "freeze" && length.ns >= 0) {
    stage_.freeze(length);
  } else if (verb == "crash") {
    stage_.stop();
  } else if (verb == "hosts") {
    print_hosts();
  } else if (verb == "heard") {
    print_heard(words);
  } else if (verb == "counters") {
    print_counters(words);
  } else {
    return false;
  }
  return true;
}

// What an operator would do.
bool GossipPlayer::run_command(const sim::Words& words) {
  const std::string& verb = words.verb();
  std::string refusal;
  stage_.command([&](gossip::Membership& core, Now now, gossip::Output& out) {
    Result<void> done;
    if (verb == "leave") {
      core.leave(now, out);
    } else if (verb == "remove") {
      done = core.remove(words.argument(0), words.flag("prune"), now, out);
    } else if (verb == "tag") {
      done = core.set_tags({{words.argument(0), words.text("value")}}, now, out);
    } else if (verb == "event") {
      done = core.user_event(words.argument(0), words.text("payload"), false, now, out);
    } else if (verb == "join") {
      core.join({stage_.where(words.argument(0))}, now, out);
    } else {
      refusal = "?";
    }
    if (!done) refusal = "refused: " + done.error().detail;
  });
  if (refusal == "?") return false;
  if (!refusal.empty()) out_.push_back(refusal);
  return true;
}

bool GossipPlayer::run_peer(const std::string& name, const sim::Words& words) {
  GossipStage::Peer& peer = *stage_.peer(name);
  const std::string& verb = words.verb();
  if (verb == "mute" || verb == "speaks" || verb == "ends") {
    peer.mute = verb == "mute";
    peer.gone = verb == "ends";
    return true;
  }
  if (verb == "push") {
    push(name, words);
    return true;
  }
  const auto message =
      message_of(name, words, [this](std::string_view of) { return stage_.where(of); });
  if (!message) return false;
  if (words.flag("by-stream")) {
    const std::string reply = stage_.stream(*message, peer.at);
    out_.push_back("answer: " + words_of(reply));
  } else {
    const int64_t times = words.number("times", 1);
    for (int64_t i = 0; i < times; ++i) stage_.deliver(*message, peer.at);
  }
  return true;
}

// NAME push [join] HOST:STATE:INC...
void GossipPlayer::push(const std::string& name, const sim::Words& words) {
  const auto versions = gossip::encode(gossip::Versions{});
  gossip::PushPull state;
  std::vector<std::vector<std::string>> kept;
  for (size_t i = 0; !words.argument(i).empty(); ++i) {
    if (words.argument(i) != "join") kept.push_back(parts_of(words.argument(i), ':'));
  }
  std::vector<gossip::Endpoint> endpoints;
  for (const auto& parts : kept) endpoints.push_back(stage_.where(parts[0]));
  for (size_t i = 0; i < kept.size(); ++i) {
    const auto& parts = kept[i];
    const auto swim_state = parts.size() == 3 ? state_of(parts[1]) : std::nullopt;
    if (!swim_state) {
      out_.push_back("no HOST:STATE:INC: " + parts[0]);
      return;
    }
    state.nodes.push_back({parts[0],
                           endpoints[i].bytes(),
                           endpoints[i].port,
                           {},
                           static_cast<uint32_t>(std::stoul(parts[2])),
                           *swim_state,
                           {versions.data(), versions.size()}});
  }
  state.join = words.flag("join");
  const std::string serf = gossip::encode(gossip::SerfState{1, {}, {}, 1, {}, 1});
  state.user_state = serf;
  const std::string reply = stage_.stream(gossip::encode(state), stage_.peer(name)->at);
  gossip::PushPull answer;
  if (reply.empty() || !gossip::decode(std::string_view(reply).substr(1), answer)) {
    out_.push_back("answer: " + words_of(reply));
    return;
  }
  std::map<std::string_view, std::string> sorted;
  for (const gossip::NodeState& node : answer.nodes) {
    sorted[node.name] =
        fmt::format(" {}:{}:{}", node.name, state_text(node.state), node.incarnation);
  }
  std::string line = answer.join ? "answer, join:" : "answer:";
  for (const auto& [_, text] : sorted) line += text;
  out_.push_back(std::move(line));
}

void GossipPlayer::print_hosts() {
  for (const gossip::HostRow& row : stage_.core().hosts()) {
    out_.push_back(fmt::format("{} {} inc={} at={}{}{}", row.name, state_text(row.state),
                               row.incarnation, ip_text(row.endpoint),
                               row.leaving ? " leaving" : "", row.self ? " (self)" : ""));
  }
}

// heard PEER [probes]: each message once, in the order in which it came first.
void GossipPlayer::print_heard(const sim::Words& words) {
  GossipStage::Peer* peer = stage_.peer(words.argument(0));
  if (peer == nullptr) {
    out_.push_back("no such peer");
    return;
  }
  std::vector<std::string> lines;
  for (const std::string& message : std::exchange(peer->heard, {})) {
    if (is_probe(message) != words.flag("probes")) continue;
    std::string line = words_of(message);
    if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
  }
  if (lines.empty()) lines.emplace_back("nothing");
  for (std::string& line : lines) out_.push_back(std::move(line));
}

void GossipPlayer::print_counters(const sim::Words& words) {
  const gossip::MembershipStats stats = stage_.core().stats();
  std::map<std::string, uint64_t, std::less<>> values = {{"claims-refused", stats.claims_refused},
                                                         {"refutations", stats.refutations},
                                                         {"suspicions", stats.suspicions},
                                                         {"probes-failed", stats.probes_failed},
                                                         {"health", stats.health},
                                                         {"alive", stats.alive},
                                                         {"suspect", stats.suspect},
                                                         {"failed", stats.failed},
                                                         {"left", stats.left}};
  for (size_t i = 0; i < gossip::kDrops; ++i) {
    values["dropped-" + std::string(gossip::drop_name(static_cast<gossip::Drop>(i)))] =
        stats.dropped[i];
  }
  std::string line;
  for (size_t i = 0; !words.argument(i).empty(); ++i) {
    const auto found = values.find(words.argument(i));
    line += fmt::format("{}{}={}", line.empty() ? "" : " ", words.argument(i),
                        found == values.end() ? "?" : std::to_string(found->second));
  }
  out_.push_back(std::move(line));
}

Result<sim::Played> play_gossip(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file) {
    return fail(ErrorKind::kNotFound, fmt::format("the scenario {} cannot be read; name a file of "
                                                  "tests/scenarios/gossip",
                                                  path));
  }
  GossipPlayer player;
  return sim::play_script(text.str(), [&](const std::string& line) { return player.run(line); });
}

}  // namespace phoenix::hostsim
