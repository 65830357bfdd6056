#include "policy/contract/source.h"

#include <algorithm>
#include <charconv>

#include "base/json/fields.h"
#include "base/json/json_writer.h"
#include "base/key.h"
#include "policy/contract/path.h"

namespace phoenix::policy {
namespace {

using json::Faults;
using json::Field;
using json::Path;
using json::Value;

constexpr int64_t kMostContextBytes = 1 << 20;  // no larger one is taken at all
constexpr int64_t kYearSeconds = 366 * 86'400;

using Names = std::vector<std::string>;

void read_into(Names& names, const Value& value, const Path& path, Faults& faults) {
  if (auto read = json::read_names(value, path, faults, kMostContractNames))
    names = std::move(*read);
}

void read_ids(Names& ids, const Value& value, const Path& path, Faults& faults) {
  read_into(ids, value, path, faults);
  for (const std::string& id : ids) {
    if (!valid_id(id)) faults.add(path, '"' + id + "\" is no id");
  }
}

std::optional<std::string> read_path(const Value& value, const Path& path, Faults& faults) {
  auto text = json::read_string(value, path, faults);
  if (!text || valid_path(*text)) return text;
  faults.add(path, json::shown(value) + " is no path: 1 to 16 keys, joined by dots");
  return std::nullopt;
}

void read_paths(Names& paths, const Value& value, const Path& path, Faults& faults) {
  read_into(paths, value, path, faults);
  for (const std::string& one : paths) {
    if (!valid_path(one)) {
      faults.add(path, '"' + one + "\" is no path: 1 to 16 keys, joined by dots");
    }
  }
}

constexpr Field<Summary> kSummary[] = {
    {"path", [](Summary& summary, const Value& value, const Path& path,
                Faults& faults) { summary.path = read_path(value, path, faults).value_or(""); }},
    {"maxBytes",
     [](Summary& summary, const Value& value, const Path& path, Faults& faults) {
       const auto most = json::read_integer(value, path, faults, 2, kMostContextBytes);
       summary.max_bytes = static_cast<uint32_t>(most.value_or(0));
     }},
};

void read_summaries(std::vector<Summary>& list, const Value& value, const Path& path,
                    Faults& faults) {
  if (value.kind() != json::Kind::kArray || value.size() > kMostContractNames) {
    return faults.add(path, "must be a list of at most 256 objects with path and maxBytes");
  }
  auto items = value.children();
  for (size_t i = 0; !items.done(); ++i) {
    const std::string index = std::to_string(i);
    const Path here{&path, index};
    const Value item = items.take();
    Summary& summary = list.emplace_back();
    json::read_object(kSummary, summary, item, here, faults);
    if (item.kind() != json::Kind::kObject) continue;
    if (!item.find("path")) faults.add(here, "lacks path: what may travel in short only");
    if (!item.find("maxBytes")) faults.add(here, "lacks maxBytes: how long that may be");
  }
  std::sort(list.begin(), list.end(),
            [](const Summary& one, const Summary& other) { return one.path < other.path; });
  const auto twice = std::adjacent_find(
      list.begin(), list.end(),
      [](const Summary& one, const Summary& other) { return one.path == other.path; });
  if (twice != list.end()) faults.add(path, '"' + twice->path + "\" stands twice");
}

constexpr Field<ContractSource> kContext[] = {
    {"require", [](ContractSource& source, const Value& value, const Path& path,
                   Faults& faults) { read_paths(source.required, value, path, faults); }},
    {"redact", [](ContractSource& source, const Value& value, const Path& path,
                  Faults& faults) { read_paths(source.redacted, value, path, faults); }},
    {"summarize", [](ContractSource& source, const Value& value, const Path& path,
                     Faults& faults) { read_summaries(source.summarized, value, path, faults); }},
    {"maxBytes",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       const auto most = json::read_integer(value, path, faults, 0, kMostContextBytes);
       if (most) source.max_bytes = static_cast<uint64_t>(*most);
     }},
};

constexpr Field<ContractApproval> kApproval[] = {
    {"field", [](ContractApproval& approval, const Value& value, const Path& path,
                 Faults& faults) { approval.field = read_path(value, path, faults).value_or(""); }},
    {"above",
     [](ContractApproval& approval, const Value& value, const Path& path, Faults& faults) {
       double number = 0;
       const std::string_view raw = value.raw();
       const bool read =
           value.kind() == json::Kind::kNumber &&
           std::from_chars(raw.data(), raw.data() + raw.size(), number).ec == std::errc();
       if (!read) return faults.add(path, json::shown(value) + " is no number");
       approval.above = number;
     }},
    {"role",
     [](ContractApproval& approval, const Value& value, const Path& path, Faults& faults) {
       approval.role = json::read_name(value, path, faults).value_or("");
     }},
    {"expiresSeconds",
     [](ContractApproval& approval, const Value& value, const Path& path, Faults& faults) {
       const auto after = json::read_integer(value, path, faults, 1, kYearSeconds);
       approval.expires_seconds = static_cast<uint32_t>(after.value_or(1));
     }},
    {"onExpiry",
     [](ContractApproval& approval, const Value& value, const Path& path, Faults& faults) {
       approval.allow_on_expiry = json::read_choice(value, path, faults, {"deny", "allow"}) == 1;
     }},
};

void read_approval(ContractSource& source, const Value& value, const Path& path, Faults& faults) {
  ContractApproval approval;
  json::read_object(kApproval, approval, value, path, faults);
  if (approval.field.empty() != !approval.above) {
    faults.add(path, "needs both, field and above, or neither");
  }
  source.approval = std::move(approval);
}

constexpr Field<ContractSource> kBound[] = {
    {"capabilities",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       read_into(source.bound_capabilities, value, path, faults);
     }},
};

constexpr Field<ContractSource> kContract[] = {
    {"appliesTo", [](ContractSource& source, const Value& value, const Path& path,
                     Faults& faults) { json::read_object(kBound, source, value, path, faults); }},
    {"source",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       source.giver = json::read_id(value, path, faults).value_or("");
     }},
    {"target",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       source.receiver = json::read_id(value, path, faults).value_or("");
     }},
    {"requiredCapabilities",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       read_into(source.capabilities, value, path, faults);
     }},
    {"capabilityMatch",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       source.any_capability = json::read_choice(value, path, faults, {"all", "any"}) == 1;
     }},
    {"requiredCompliance",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       read_into(source.compliance, value, path, faults);
     }},
    {"minimumTrustScore",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       source.minimum_trust = json::read_score(value, path, faults);
     }},
    {"namespaces", [](ContractSource& source, const Value& value, const Path& path,
                      Faults& faults) { read_ids(source.namespaces, value, path, faults); }},
    {"maxChainLength",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       const auto most = json::read_integer(value, path, faults, 0, 1'000'000);
       if (most) source.max_chain = static_cast<uint32_t>(*most);
     }},
    {"context", [](ContractSource& source, const Value& value, const Path& path,
                   Faults& faults) { json::read_object(kContext, source, value, path, faults); }},
    {"validationSchema",
     [](ContractSource& source, const Value& value, const Path&, Faults&) {
       source.schema.clear();
       json::append_canonical(source.schema, value);
     }},
    {"scopes",
     [](ContractSource& source, const Value& value, const Path& path, Faults& faults) {
       source.scopes.emplace();
       read_into(*source.scopes, value, path, faults);
     }},
    {"approval", [](ContractSource& source, const Value& value, const Path& path,
                    Faults& faults) { read_approval(source, value, path, faults); }},
};

void write_names(json::Writer& writer, std::string_view name, const Names& names) {
  if (!names.empty()) writer.strings(name, names);
}

void write_context(json::Writer& writer, const ContractSource& source) {
  if (source.required.empty() && source.redacted.empty() && source.summarized.empty() &&
      !source.max_bytes) {
    return;
  }
  writer.key("context");
  writer.begin_object();
  if (source.max_bytes) writer.number("maxBytes", *source.max_bytes);
  write_names(writer, "redact", source.redacted);
  write_names(writer, "require", source.required);
  if (!source.summarized.empty()) {
    writer.key("summarize");
    writer.begin_array();
    for (const Summary& summary : source.summarized) {
      writer.begin_object();
      writer.number("maxBytes", summary.max_bytes);
      writer.field("path", summary.path);
      writer.end_object();
    }
    writer.end_array();
  }
  writer.end_object();
}

// As short as reads back as the same number.
std::string number_text(double number) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number).ptr;
  return {buffer, end};
}

void write_approval(json::Writer& writer, const ContractApproval& approval) {
  writer.key("approval");
  writer.begin_object();
  if (approval.above) {
    writer.key("above");
    writer.raw(number_text(*approval.above));
  }
  writer.number("expiresSeconds", approval.expires_seconds);
  if (!approval.field.empty()) writer.field("field", approval.field);
  writer.field("onExpiry", approval.allow_on_expiry ? "allow" : "deny");
  writer.field("role", approval.role);
  writer.end_object();
}

}  // namespace

std::string contract_json(const ContractSource& source) {
  std::string out;
  json::Writer writer(out);
  writer.begin_object();
  if (!source.bound_capabilities.empty()) {
    writer.key("appliesTo");
    writer.begin_object();
    writer.strings("capabilities", source.bound_capabilities);
    writer.end_object();
  }
  if (source.approval) write_approval(writer, *source.approval);
  if (source.any_capability) writer.field("capabilityMatch", "any");
  write_context(writer, source);
  if (source.max_chain) writer.number("maxChainLength", *source.max_chain);
  if (source.minimum_trust) {
    writer.key("minimumTrustScore");
    std::string score;
    json::append_thousandths(score, *source.minimum_trust);
    writer.raw(score);
  }
  write_names(writer, "namespaces", source.namespaces);
  write_names(writer, "requiredCapabilities", source.capabilities);
  write_names(writer, "requiredCompliance", source.compliance);
  if (source.scopes) writer.strings("scopes", *source.scopes);
  if (!source.giver.empty()) writer.field("source", source.giver);
  if (!source.receiver.empty()) writer.field("target", source.receiver);
  if (!source.schema.empty()) {
    writer.key("validationSchema");
    writer.raw(source.schema);
  }
  writer.end_object();
  return out;
}

Result<ContractSource> contract_from_json(std::string_view text) {
  if (text.size() > kMostContractBytes) {
    return fail(ErrorKind::kTooLarge, "a contract has at most 65536 bytes");
  }
  const auto document = json::Document::parse(text);
  if (!document) return tl::unexpected(document.error());
  ContractSource source;
  Faults faults;
  json::read_object(kContract, source, document->root(), {}, faults);
  if (faults.any()) return tl::unexpected(faults.error());
  return source;
}

}  // namespace phoenix::policy
