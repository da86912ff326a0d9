"""GLSL of the renderer. One material shader, compiled once per kind of layer: they differ in a few lines."""

KINDS = {"body": 0, "eyes": 1, "teeth": 2, "tongue": 3, "clothes": 4, "hair": 5, "brows": 6, "lashes": 7}

VERTEX = """
#version 330
uniform mat4 view_projection;
uniform mat4 light_projection;
in vec3 in_position; in vec3 in_normal; in vec2 in_uv; in float in_occlusion;
out vec3 position; out vec3 normal; out vec2 uv; out vec4 light_position; out float occlusion;
invariant gl_Position;
void main() {
    position = in_position; normal = in_normal; uv = vec2(in_uv.x, 1.0 - in_uv.y); occlusion = in_occlusion;
    light_position = light_projection * vec4(in_position, 1.0);
    gl_Position = view_projection * vec4(in_position, 1.0);
}
"""

FRAGMENT = """
#version 330
#define KIND {kind}
uniform sampler2D albedo_map;
uniform sampler2D shadow_map;
uniform sampler2D noise_map;      // r, g: fine and finer grain; b: blotches; a: another fine grain; all 0..1, mean 0.5
uniform int pass_kind;            // 0 all of it, 1 the solid part (what the surface pass left), 2 the soft rest of an alpha layer
uniform vec3 eye;
uniform vec3 key_direction; uniform vec3 key_colour;
uniform vec3 fill_direction; uniform vec3 fill_colour;
uniform vec3 rim_direction; uniform vec3 rim_colour;
uniform vec3 sky; uniform vec3 ground;
uniform vec3 gain; uniform vec3 tint; uniform float tint_amount; uniform float saturation;
uniform float exposure; uniform float shadow_strength; uniform float detail;
uniform vec3 mouth; uniform float mouth_open; uniform vec3 face_forward; uniform vec3 face_up;
uniform vec3 left_eye; uniform vec3 right_eye; uniform vec3 gaze;
in vec3 position; in vec3 normal; in vec2 uv; in vec4 light_position; in float occlusion;
out vec4 colour;

vec3 linear(vec3 c) { return c * (c * (c * 0.305306 + 0.682171) + 0.012523); }      // sRGB curves without pow()
vec3 encoded(vec3 x) {
    vec3 a = sqrt(x), b = sqrt(a), c = sqrt(b);
    return clamp(0.662003 * a + 0.684122 * b - 0.323584 * c - 0.0225411 * x, 0.0, 1.0);
}
float lit_share() {
    vec3 p = light_position.xyz / light_position.w * 0.5 + 0.5;
    vec2 texel = 1.7 / vec2(textureSize(shadow_map, 0));
    float near = p.z - 0.006, sum = step(near, texture(shadow_map, p.xy).r);
    sum += step(near, texture(shadow_map, p.xy + texel * vec2(1.0, 0.4)).r);
    sum += step(near, texture(shadow_map, p.xy + texel * vec2(-0.4, 1.0)).r);
    sum += step(near, texture(shadow_map, p.xy + texel * vec2(-1.0, -0.4)).r);
    sum += step(near, texture(shadow_map, p.xy + texel * vec2(0.4, -1.0)).r);
    return mix(1.0, sum / 5.0, shadow_strength);
}
vec3 wrapped(float cosine, vec3 wrap) { return clamp((vec3(cosine) + wrap) / (1.0 + wrap), 0.0, 1.0); }
float gloss(vec3 n, vec3 v, vec3 l, float roughness) {   // GGX lobe, Schlick's Fresnel, a cheap visibility term
    vec3 h = normalize(v + l); float a = roughness * roughness;
    float nh = max(dot(n, h), 0.0), nl = max(dot(n, l), 0.0), d = nh * nh * (a * a - 1.0) + 1.0;
    float m = 1.0 - max(dot(v, h), 0.0), m2 = m * m;
    return (0.03 + 0.97 * m2 * m2 * m) * a * a / (3.1416 * d * d) * nl / (0.35 + 2.4 * max(dot(n, v), 0.1));
}
float strand(vec3 t, vec3 v, vec3 l, float power) {       // Kajiya and Kay's highlight of hair
    float th = dot(t, normalize(v + l)); return pow(max(1.0 - th * th, 1e-4), power * 0.5);
}
vec3 film(vec3 x) { x *= exposure; return clamp((x * (2.3 * x + 0.05)) / (x * (2.05 * x + 0.62) + 0.13), 0.0, 1.0); }

void main() {
    vec4 texel = texture(albedo_map, uv);
    float alpha = KIND <= 4 && KIND != 1 ? 1.0 : texel.a;
    if (pass_kind == 2 && (alpha >= 0.55 || (KIND != 1 && alpha < 0.02))) discard;   // the cornea is all gloss, no body
    vec3 albedo = linear(texel.rgb);
    albedo = mix(vec3(dot(albedo, vec3(0.3, 0.59, 0.11))), albedo, saturation);
    albedo = mix(albedo, tint * (0.25 + 1.5 * dot(texel.rgb, vec3(0.34))), tint_amount) * gain;

    vec3 v = normalize(eye - position), n = normalize(normal);
    float light = lit_share(), ao = occlusion;
    float roughness = 0.6, shine = 0.25, fill_floor = 0.3; vec3 wrap = vec3(0.25);
#if KIND == 0
    vec4 grain = texture(noise_map, uv * 23.0) - 0.5, blotch = texture(noise_map, uv * 3.1) - 0.5;
    albedo *= 1.0 + detail * (0.16 * (grain.r + 0.7 * grain.g) + 0.16 * blotch.b * vec3(0.5, 1.0, 1.0));
    n = normalize(n + detail * 0.16 * vec3(grain.a, grain.r, 0.0));
    wrap = vec3(0.32, 0.16, 0.11);
    float lip = clamp((texel.r - texel.g) * 4.0 - 0.9, 0.0, 1.0) * smoothstep(0.55, 0.2, distance(position, mouth));
    roughness = mix(0.44, 0.33, lip); shine = mix(0.85, 0.9, lip) * (1.0 + 0.8 * detail * grain.g);
    float inside = step(ao, -0.5);                         // the lining of the mouth is marked so
    ao = mix(ao, mix(0.30, 0.06, smoothstep(0.0, 0.45, dot(mouth - position, face_forward))), inside);
    light *= mix(1.0, ao * 0.6, inside); albedo *= mix(vec3(1.0), vec3(0.75, 0.62, 0.62), inside);
    shine *= 1.0 - 0.6 * inside; fill_floor *= 1.0 - inside;
    ao = mix(ao, ao * ao, 0.25);
#elif KIND == 1
    vec3 to_left = position - left_eye, to_right = position - right_eye;
    vec3 from_centre = dot(to_left, to_left) < dot(to_right, to_right) ? to_left : to_right;
    float height = dot(from_centre, face_up), front = dot(normalize(from_centre), gaze);
    float iris = smoothstep(0.80, 0.90, front);
    n = normalize(normalize(from_centre) * mix(1.0, 1.7, iris) - gaze * 0.7 * iris * front);  // the cornea bulges
    ao = (0.15 + 0.85 * smoothstep(0.115, 0.0, height)) * smoothstep(-0.02, 0.12, dot(from_centre, face_forward));
    light *= ao; roughness = 0.13; shine = 1.5; wrap = vec3(0.2);
    albedo *= mix(vec3(0.74, 0.69, 0.67), vec3(0.6), iris) * mix(1.0, 0.55, smoothstep(0.03, 0.0, abs(front - 0.865)));
#elif KIND == 2 || KIND == 3
    float depth = dot(mouth - position, face_forward);
    ao = mix(0.80, 0.09, smoothstep(-0.02, 0.46, depth)) * mix(0.35, 1.0, smoothstep(0.0, 0.12, mouth_open));
    light *= ao; fill_floor = 0.0; roughness = KIND == 2 ? 0.22 : 0.35; shine = 0.8; wrap = vec3(0.3, 0.2, 0.15);
    if (KIND == 3) albedo *= vec3(0.75, 0.55, 0.55);
#elif KIND == 4
    if (dot(n, v) < 0.0) n = -n;
    roughness = 0.85; wrap = vec3(0.1);
    albedo *= 1.0 + 0.2 * (texture(noise_map, uv * 14.0).g - 0.5);
#else
    if (dot(n, v) < 0.0) n = -n;
#endif
    vec3 diffuse = key_colour * wrapped(dot(n, key_direction), wrap) * light
        + fill_colour * wrapped(dot(n, fill_direction), wrap) * mix(fill_floor, 1.0, ao)
        + rim_colour * wrapped(dot(n, rim_direction), vec3(0.0)) * ao
        + mix(ground, sky, 0.5 + 0.5 * n.y) * ao;
#if KIND == 0
    diffuse *= mix(vec3(1.08, 0.93, 0.90), vec3(1.0), clamp(ao * 1.4, 0.0, 1.0));    // occluded skin is redder, not greyer
#endif
#if KIND >= 6
    vec3 specular = vec3(0.0);
#elif KIND == 5
    vec3 t = dFdx(position) * dFdy(uv.x) - dFdy(position) * dFdx(uv.x);
    t = dot(t, t) > 1e-16 ? normalize(t) : vec3(0, 1, 0);
    t = normalize(t + n * (texel.g - 0.3) * 0.25);
    vec3 specular = ao * (key_colour * light * (0.05 * strand(t, v, key_direction, 90.0) + albedo * 0.5 * strand(t, v, key_direction, 22.0))
        + rim_colour * 0.06 * strand(t, v, rim_direction, 40.0));
#else
    float edge = 1.0 - max(dot(n, v), 0.0);
    vec3 specular = shine * (key_colour * gloss(n, v, key_direction, roughness) * light
        + fill_colour * gloss(n, v, fill_direction, roughness) * ao
        + rim_colour * gloss(n, v, rim_direction, roughness) * ao * ao * ao + sky * 0.25 * edge * edge * edge * edge * ao);
#endif
#if KIND == 1
    vec3 mirrored = reflect(-v, n);                        // a window in the cornea
    vec3 side = normalize(cross(vec3(0, 1, 0), key_direction)), up = cross(key_direction, side);
    vec2 pane = abs(vec2(dot(mirrored, side), dot(mirrored, up)));
    float window = smoothstep(0.27, 0.21, max(pane.x, pane.y)) * step(0.0, dot(mirrored, key_direction));
    specular += key_colour * window * 0.7 * smoothstep(0.12, 0.02, height);
    if (pass_kind == 1) specular *= 1.0 - iris;            // what lies under the cornea does not shine itself
    colour = vec4(encoded(film(albedo * diffuse * (pass_kind == 1 ? 1.0 : alpha) + specular)), pass_kind == 1 ? 1.0 : alpha);
#else
    alpha = pass_kind == 1 ? 1.0 : alpha;
    colour = vec4(encoded(film(albedo * diffuse + specular)) * alpha, alpha);             // premultiplied
#endif
}
"""


def fragment(layer: str) -> str:
    return FRAGMENT.replace("{kind}", str(KINDS[layer]))


# Draws what is solid into the depth buffer, and which triangle it is: the shading then runs once a pixel, and flow knows what lies there.
SURFACE_VERTEX = """
#version 330
uniform mat4 view_projection;
in vec3 in_position; in vec2 in_uv;
out vec2 uv;
invariant gl_Position;
void main() { uv = vec2(in_uv.x, 1.0 - in_uv.y); gl_Position = view_projection * vec4(in_position, 1.0); }
"""

SURFACE_FRAGMENT = """
#version 330
uniform sampler2D albedo_map;
uniform int see_through;
uniform int first_number;
in vec2 uv;
out vec4 number;
void main() {
    if (see_through == 1 && texture(albedo_map, uv).a < 0.55) discard;
    int n = first_number + gl_PrimitiveID;
    number = vec4(n & 255, (n >> 8) & 255, (n >> 16) & 255, 255) / 255.0;
}
"""

DEPTH_VERTEX = """
#version 330
uniform mat4 view_projection;
in vec3 in_position; in vec2 in_uv;
out vec2 uv;
void main() { uv = vec2(in_uv.x, 1.0 - in_uv.y); gl_Position = view_projection * vec4(in_position, 1.0); }
"""

DEPTH_FRAGMENT = """
#version 330
uniform sampler2D albedo_map;
uniform int see_through;
in vec2 uv;
void main() { if (see_through == 1 && texture(albedo_map, uv).a < 0.5) discard; }
"""

BACKDROP_VERTEX = """
#version 330
in vec2 in_corner;
out vec2 uv;
void main() { uv = in_corner * 0.5 + 0.5; gl_Position = vec4(in_corner, 0.9999, 1.0); }
"""

BACKDROP_FRAGMENT = """
#version 330
uniform sampler2D picture;
in vec2 uv;
out vec4 colour;
void main() { colour = vec4(texture(picture, uv).rgb, 1.0); }
"""
