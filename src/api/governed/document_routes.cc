// Policies, contracts and approvals: laid down, listed, shown, taken away, decided.

#include "api/codec/digest.h"
#include "api/codec/problem.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"
#include "base/json/fields.h"
#include "base/json/json_writer.h"

namespace phoenix {
namespace {

using json::Faults;
using json::Field;
using json::Path;
using json::Value;

constexpr size_t kMostItems = 1'000;

// --- answers --------------------------------------------------------------------------------

void write_fields(json::Writer& writer, const Document& document) {
  writer.field("kind", document_kind_name(document.key.kind));
  writer.field("namespace", document.key.ns);
  writer.field("name", document.key.name);
  writer.number("revision", document.revision);
  writer.field_or_null("app", document.app);
  writer.key("updatedAt");
  writer.time(document.changed_at);
  if (document.deleted) return;
  writer.field("digest", digest_text(sha256(document.text)));
  writer.key("spec");
  writer.raw(document.text);
}

constexpr std::string_view kChangeNames[] = {"none", "created", "changed", "deleted"};

void answer_changes(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* done = std::get_if<DocumentsReply>(&reply);
  if (done == nullptr) return call->fail(unexpected_reply());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const DocumentsReply::Item& item : done->items) {
    writer.begin_object();
    writer.field("change", kChangeNames[static_cast<size_t>(item.change)]);
    write_fields(writer, *item.document);
    writer.end_object();
  }
  writer.end_array();
  writer.flag("dryRun", done->dry_run);
  writer.end_object();
  call->respond(200, std::move(body));
}

void answer_document(const RestCallPtr& call, const Document& document) {
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  write_fields(writer, document);
  writer.end_object();
  call->add_header("ETag", etag(document.revision));
  call->respond(200, std::move(body));
}

void answer_decided(const RestCallPtr& call, const ReplyBody& reply) {
  const auto* done = std::get_if<DocumentsReply>(&reply);
  if (done == nullptr || done->items.empty()) return call->fail(unexpected_reply());
  answer_document(call, *done->items[0].document);
}

// --- applying -------------------------------------------------------------------------------

struct ItemDraft {
  ApplyDocuments::Item item;
  bool has_kind = false;
  bool has_name = false;
};

constexpr Field<ItemDraft> kItemFields[] = {
    {"ifRevision",
     [](ItemDraft& draft, const Value& value, const Path& path, Faults& faults) {
       const auto revision = json::read_integer(value, path, faults, 0, INT64_MAX);
       if (revision) draft.item.if_revision = static_cast<uint64_t>(*revision);
     }},
    {"kind",
     [](ItemDraft& draft, const Value& value, const Path& path, Faults& faults) {
       const auto kind = json::read_choice(value, path, faults, {"policy", "contract"});
       draft.item.kind = kind == size_t{1} ? DocumentKind::kContract : DocumentKind::kPolicy;
       draft.has_kind = true;
     }},
    {"name",
     [](ItemDraft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.item.name = json::read_id(value, path, faults).value_or("");
       draft.has_name = true;
     }},
    {"spec",
     [](ItemDraft& draft, const Value& value, const Path& path, Faults& faults) {
       if (value.is_null()) return;
       if (value.kind() != json::Kind::kObject) {
         return faults.add(path, "must be an object, or null to take the document away");
       }
       draft.item.text = value.raw();
     }},
};

constexpr Field<ApplyDocuments> kApplyFields[] = {
    {"app", [](ApplyDocuments& draft, const Value& value, const Path& path,
               Faults& faults) { draft.app = json::read_id(value, path, faults).value_or(""); }},
    {"documents",
     [](ApplyDocuments& draft, const Value& value, const Path& path, Faults& faults) {
       if (value.kind() != json::Kind::kArray) return faults.add(path, "must be an array");
       size_t index = 0;
       for (auto items = value.children(); !items.done(); ++index) {
         const Value item = items.take();
         if (index == kMostItems) return faults.add(path, "holds more than 1000 documents");
         const std::string step = std::to_string(index);
         const Path here{&path, step};
         ItemDraft made;
         json::read_object(kItemFields, made, item, here, faults);
         if (!made.has_kind) faults.add(here, "needs a \"kind\": policy or contract");
         if (!made.has_name) faults.add(here, "needs a \"name\"");
         draft.items.push_back(std::move(made.item));
       }
     }},
    {"dryRun",
     [](ApplyDocuments& draft, const Value& value, const Path& path, Faults& faults) {
       draft.dry_run = json::read_bool(value, path, faults).value_or(false);
     }},
    {"prune",
     [](ApplyDocuments& draft, const Value& value, const Path& path, Faults& faults) {
       draft.prune = json::read_bool(value, path, faults).value_or(false);
     }},
};

void apply_documents(const RestCallPtr& call) {
  const auto document = call->document();
  if (!document) return call->fail(document.error());
  ApplyDocuments wanted;
  Faults faults;
  json::read_object(kApplyFields, wanted, document->root(), Path{}, faults);
  if (wanted.prune && wanted.app.empty()) {
    faults.add("/prune", "needs an \"app\": only what belongs to one is pruned");
  }
  if (faults.any()) return call->fail(faults.error());
  wanted.ns = call->ns();
  call->write(call->as_principal(), std::move(wanted), answer_changes);
}

// --- by kind --------------------------------------------------------------------------------

template <DocumentKind kKind>
void list_documents(const RestCallPtr& call) {
  const std::string* state = call->query().find("state");
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (const DocumentPtr& one :
       call->node().documents(kKind, call->ns() == "*" ? "" : call->ns())) {
    if (!call->shows(one->key.ns)) continue;
    const std::string wanted = state ? "\"state\":\"" + *state + "\"" : std::string();
    if (!wanted.empty() && one->text.find(wanted) == std::string::npos) continue;
    writer.begin_object();
    write_fields(writer, *one);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  call->respond(200, std::move(body));
}

DocumentPtr find_document(const RestCall& call, DocumentKind kind) {
  for (const DocumentPtr& one : call.node().documents(kind, call.ns())) {
    if (one->key.name == call.parameter(0)) return one;
  }
  return nullptr;
}

Error no_document(const RestCall& call, DocumentKind kind) {
  return fail(ErrorKind::kNotFound, "no " + std::string(document_kind_name(kind)) + " \"" +
                                        call.parameter(0) + "\" in namespace \"" + call.ns() + "\"")
      .value();
}

template <DocumentKind kKind>
void show_document(const RestCallPtr& call) {
  const DocumentPtr found = find_document(*call, kKind);
  if (!found) return call->fail(no_document(*call, kKind));
  answer_document(call, *found);
}

template <DocumentKind kKind>
void delete_document(const RestCallPtr& call) {
  const auto revision = call->if_match();
  if (!revision) return call->fail(revision.error());
  const DocumentPtr found = find_document(*call, kKind);
  if (!found) return call->fail(no_document(*call, kKind));
  ApplyDocuments wanted;
  wanted.ns = call->ns();
  wanted.app = found->app;
  wanted.items.push_back({kKind, found->key.name, "", *revision});
  call->write(call->as_principal(), std::move(wanted), answer_changes);
}

// --- approvals ------------------------------------------------------------------------------

struct WordDraft {
  std::string reason;
};
constexpr Field<WordDraft> kWordFields[] = {
    {"reason",
     [](WordDraft& draft, const Value& value, const Path& path, Faults& faults) {
       draft.reason = json::read_name(value, path, faults, true).value_or("");
     }},
};

template <bool kApprove>
void decide(const RestCallPtr& call) {
  const auto document = call->document();
  if (!document) return call->fail(document.error());
  WordDraft draft;
  Faults faults;
  json::read_object(kWordFields, draft, document->root(), Path{}, faults);
  if (faults.any()) return call->fail(faults.error());
  if (!valid_id(call->parameter(0))) {
    return call->fail(no_document(*call, DocumentKind::kApproval));
  }
  DecideApproval wanted;
  wanted.ns = call->ns();
  wanted.name = call->parameter(0);
  wanted.approve = kApprove;
  wanted.reason = std::move(draft.reason);
  call->write(call->as_principal(), std::move(wanted), answer_decided);
}

}  // namespace

void add_document_routes(std::vector<Route>& table) {
  constexpr auto kPolicy = DocumentKind::kPolicy;
  constexpr auto kContract = DocumentKind::kContract;
  constexpr auto kApproval = DocumentKind::kApproval;
  const auto add = [&table](std::string_view method, std::string_view pattern,
                            void (*handle)(const RestCallPtr&), Roles roles, BodyRule body) {
    Route route;
    route.method = method;
    route.pattern = pattern;
    route.handle = handle;
    route.roles = roles;
    route.body = body;
    if (!pattern.ends_with('}') && method == "GET") route.any_namespace = true;
    if (pattern == "/v1/approvals") route.query = {"state"};
    table.push_back(route);
  };
  add("POST", "/v1/documents:apply", apply_documents, kOperator, BodyRule::kJson);
  add("GET", "/v1/policies", list_documents<kPolicy>, kReader, BodyRule::kNone);
  add("GET", "/v1/policies/{name}", show_document<kPolicy>, kReader, BodyRule::kNone);
  add("DELETE", "/v1/policies/{name}", delete_document<kPolicy>, kOperator, BodyRule::kNone);
  add("GET", "/v1/contracts", list_documents<kContract>, kReader, BodyRule::kNone);
  add("GET", "/v1/contracts/{name}", show_document<kContract>, kReader, BodyRule::kNone);
  add("DELETE", "/v1/contracts/{name}", delete_document<kContract>, kOperator, BodyRule::kNone);
  add("GET", "/v1/approvals", list_documents<kApproval>, kReader, BodyRule::kNone);
  add("GET", "/v1/approvals/{name}", show_document<kApproval>, kReader, BodyRule::kNone);
  add("POST", "/v1/approvals/{name}/approve", decide<true>, kApprover, BodyRule::kOptional);
  add("POST", "/v1/approvals/{name}/reject", decide<false>, kApprover, BodyRule::kOptional);
}

}  // namespace phoenix
