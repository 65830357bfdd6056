#include "runtime/recorder/key_facts.h"

#include <utility>

#include "runtime/recorder/root_desk.h"

namespace phoenix {

std::string HostKeyFact::text() const {
  return lineage::render_public(key) + (grant.empty() ? "" : render_grant(grant));
}

Result<HostKeyFact> HostKeyFact::parse(std::string_view text) {
  constexpr std::string_view kEnd = "-----END PUBLIC KEY-----\n";
  const size_t end = text.find(kEnd);
  const size_t size = end == std::string_view::npos ? text.size() : end + kEnd.size();
  auto key = lineage::parse_public(text.substr(0, size));
  if (!key) return tl::unexpected<Error>(key.error());
  HostKeyFact fact{*std::move(key), {}};
  if (size == text.size()) return fact;
  auto grant = parse_grant(text.substr(size));
  if (!grant) return tl::unexpected<Error>(grant.error());
  fact.grant = *std::move(grant);
  return fact;
}

Result<std::string> publish_keys(Store& store, const KeyFacts& facts) {
  if (facts.key == nullptr) return std::string();
  const auto keep = [&store](const std::string& name, const std::string& text) -> Result<bool> {
    const auto known = store.fact(name);
    if (!known) return tl::unexpected<Error>(known.error());
    return *known == text ? true : store.set_fact(name, text);
  };
  if (facts.root) {
    auto done = keep(kRootKeyFact, lineage::render_public(*facts.root));
    if (!done) return tl::unexpected<Error>(done.error());
  }
  const lineage::NamedKeyPair& key = *facts.key;
  const HostKeyFact own{{key.role, key.name, key.pair.public_key()}, facts.grant};
  if (auto done = keep(kHostKeyFact + key.name, own.text()); !done) {
    return tl::unexpected<Error>(done.error());
  }
  const auto entered = store.fact(kEnteredFact + key.name);
  if (!entered) return tl::unexpected<Error>(entered.error());
  return entered->value_or("");
}

std::optional<HostNote> key_note(const KeyFacts& facts, const std::string& entered) {
  if (facts.key == nullptr || facts.grant.empty() || entered == facts.key->pair.id()) {
    return std::nullopt;
  }
  lineage::KeyChange change;
  change.action = entered.empty() ? lineage::KeyAction::kAdd : lineage::KeyAction::kRotate;
  change.role = lineage::KeyRole::kHost;
  change.key = facts.key->pair.public_key();
  change.previous = entered;
  change.proof = facts.grant;
  return HostNote{.host = facts.key->name,
                  .event = entered.empty() ? "key-added" : "key-rotated",
                  .reason = {},
                  .key = std::move(change)};
}

bool enters_key_of(const PutNote& note, const std::string& host) {
  return !note.is_packet && note.key == "host//" + host && note.entry.event.starts_with("key-");
}

}  // namespace phoenix
